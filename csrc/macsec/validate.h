/* validate.h - what the passes of validate.c hand to each other. It lives on the stack of one call: no allocation. */
#ifndef PYSEC_MACSEC_VALIDATE_H
#define PYSEC_MACSEC_VALIDATE_H

#include "secy.h"

#define NUM_GROUP_SLOTS (2 * PYSEC_MAX_BURST)

/* How far a frame has come. */
enum step {
    STEP_DONE,   /* it has its verdict */
    STEP_COMMIT, /* it has an SA, and goes to commit without the cipher */
    STEP_OPEN,   /* the cipher is asked first */
    STEP_CUT     /* it must wait for the frames before it */
};

/* The frames of one SA in a burst. */
struct rx_group {
    struct rx_sa *sa;
    uint64_t lowest_pn;      /* as the burst found it */
    uint64_t next_pn;        /* if all frames so far prove valid */
    uint64_t best_lowest_pn; /* likewise */
    uint16_t num_msgs, first_msg, fill;
};

struct rx_burst {
    struct pysec_secy *secy;
    struct lane *lane;
    const struct controls *controls;
    const struct sc_table *table;
    uint8_t *arena;
    size_t arena_len;
    enum pysec_reason closed;
    bool strict, validates;
    uint32_t num_groups, last_group;
    uint16_t group_index[NUM_GROUP_SLOTS]; /* hash by SA -> group + 1 */
    struct rx_group groups[PYSEC_MAX_BURST];
};

/* fetch_ahead asks for the cache lines that the frames of a burst will need when they come from many SCs: first the
 * places in the table, then the SCs, then their SAs. It decides nothing. */
void fetch_ahead(const struct rx_burst *burst, const struct pysec_frame *frames, size_t num_frames);

#endif

/* validate.h - what the passes of validate.c hand to each other. It lives on the stack of one call: no allocation. */
#ifndef PYSEC_MACSEC_VALIDATE_H
#define PYSEC_MACSEC_VALIDATE_H

#include "numbering.h"
#include "secy.h"

/* How far a frame has come. */
enum step {
    STEP_DONE,   /* it has its verdict */
    STEP_COMMIT, /* it has an SA, and goes to commit without the cipher */
    STEP_OPEN,   /* the cipher is asked first */
    STEP_CUT     /* it must wait for the frames before it */
};

/* What a burst knows of one of its SAs. */
struct rx_track {
    uint64_t lowest_pn;      /* as the burst found it */
    uint64_t next_pn;        /* if all frames so far prove valid */
    uint64_t best_lowest_pn; /* likewise */
};

/* The messages of a burst under one key: one call to the cipher. The members of a CA share a SAK, so that there is
 * mostly one key however many SCs there are. */
struct rx_key {
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
    struct numbering sas, keys;
    struct rx_track track[PYSEC_MAX_BURST]; /* by number of the SA */
    struct rx_key key[PYSEC_MAX_BURST];     /* by number of the key */
};

/* fetch_ahead asks for the cache lines that the frames of a burst will need when they come from many SCs: first the
 * places in the table, then the SCs, then their SAs. It decides nothing. */
void fetch_ahead(const struct rx_burst *burst, const struct pysec_frame *frames, size_t num_frames);

#endif

/* gcm_place.h - where the messages of a burst lie: between margins, against pages that may not be touched, or packed.
 *
 * For gcm_cases.c, which says what the layouts mean.
 */
#ifndef TESTS_GCM_PLACE_H
#define TESTS_GCM_PLACE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gcm/gcm.h"

#define MAX_MSGS 1024
#define MARGIN 64
#define FILLER 0xa5

enum place { MARGINS, AT_END, AT_START, PACKED };
enum part { AAD, DATA, TAG, NUM_PARTS };
enum spoil { NOTHING, SPOIL_TAG, SPOIL_AAD, SPOIL_DATA, SPOIL_IV, REFUSE };

struct want {
    uint32_t aad_at, aad_len, data_at, data_len, spoil;
    uint8_t iv[GCM_IV_LEN];
};

struct layout {
    uint8_t place, joined, skew[NUM_PARTS], step, unused[2];
};

/* A piece is AAD, data or tag, or two or three of them that touch; with what may be looked at around it. */
struct piece {
    uint8_t *start, *end;
    size_t before, behind;
};

static struct want wants[MAX_MSGS];
static struct layout layout;
static struct piece pieces[MAX_MSGS * NUM_PARTS];
static size_t num_msgs, num_pieces;

/* Slots of slot_len octets that may be touched, between pages that may not be. */
struct arena {
    uint8_t *all;
    size_t len, num_slots, slot_len, page;
};

static struct arena slots_arena, packed_arena, msgs_arena, key_arena;

static uint8_t *arena_slot(const struct arena *a, size_t i)
{
    return a->all + a->page + i * (a->slot_len + a->page);
}

/* arena_want makes sure of num_slots slots of len octets; what was in them may be lost. */
static void arena_want(struct arena *a, size_t num_slots, size_t len)
{
    a->page = (size_t)sysconf(_SC_PAGESIZE);
    if (num_slots <= a->num_slots && len <= a->slot_len && a->slot_len <= 8 * len + 16 * a->page)
        return;
    if (a->all != NULL)
        munmap(a->all, a->len);
    a->num_slots = num_slots;
    a->slot_len = (len + a->page - 1) / a->page * a->page;
    a->len = num_slots * (a->slot_len + a->page) + a->page;
    a->all = mmap(NULL, a->len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (size_t i = 0; i < num_slots; i++) {
        if (a->all != MAP_FAILED && mprotect(arena_slot(a, i), a->slot_len, PROT_READ | PROT_WRITE) == 0)
            continue;
        perror("memory between forbidden pages");
        exit(2);
    }
}

static size_t part_len(size_t i, enum part part)
{
    return part == AAD ? wants[i].aad_len : part == DATA ? wants[i].data_len : GCM_TAG_LEN;
}

static int joins_next(enum part part)
{
    return (part == AAD && layout.joined & 1) || (part == DATA && layout.joined & 2);
}

/* piece_add finds room for len octets of message i. */
static struct piece *piece_add(const struct arena *arena, size_t i, enum part part, size_t len)
{
    size_t skew = (layout.skew[part] + i * layout.step) % 64, slot = layout.place == PACKED ? 0 : i * NUM_PARTS + part;
    uint8_t *start = arena_slot(arena, slot), *end = start + arena->slot_len;
    struct piece *piece = &pieces[num_pieces];

    if (layout.place == PACKED && num_pieces > 0)
        start = piece[-1].end;
    piece->start = layout.place == AT_END    ? end - len
                   : layout.place == MARGINS ? start + MARGIN + skew
                   : layout.place == PACKED  ? start + skew
                                             : start;
    piece->end = piece->start + len;
    piece->before = (size_t)(piece->start - start);
    piece->behind = layout.place == PACKED ? 0 : (size_t)(end - piece->end);
    if (piece->before > MARGIN)
        piece->before = MARGIN;
    if (piece->behind > MARGIN)
        piece->behind = MARGIN;
    num_pieces++;
    return piece;
}

/* place finds room for message i, in one piece or up to three, and fills in what is known of it. */
static void place(struct gcm_msg *msg, const struct arena *arena, size_t i)
{
    uint8_t *at[NUM_PARTS], *next = NULL;

    for (enum part part = AAD; part < NUM_PARTS; part++) {
        if (part == AAD || !joins_next(part - 1)) {
            size_t len = part_len(i, part);
            for (enum part other = part; joins_next(other); other++)
                len += part_len(i, other + 1);
            next = piece_add(arena, i, part, len)->start;
        }
        at[part] = next;
        next += part_len(i, part);
        if (part_len(i, part) == 0) /* nothing that may be looked at */
            at[part] = i % 2 ? NULL : arena->all;
    }
    *msg = (struct gcm_msg){.aad = at[AAD], .data = at[DATA], .tag = at[TAG], .ok = 0xa5a5a5a5};
    msg->aad_len = wants[i].aad_len;
    msg->data_len = wants[i].data_len;
    memcpy(msg->iv, wants[i].iv, GCM_IV_LEN);
}

/* lay_out makes the messages of the burst, with nothing in them yet, and returns them. */
static struct gcm_msg *lay_out(void)
{
    struct arena *arena = layout.place == PACKED ? &packed_arena : &slots_arena;
    size_t longest = 0, all = 0;
    struct gcm_msg *msgs;

    for (size_t i = 0; i < num_msgs; i++) {
        size_t len = (size_t)wants[i].aad_len + wants[i].data_len + GCM_TAG_LEN;
        longest = len > longest ? len : longest;
        all += len + 3 * 64;
    }
    if (layout.place == PACKED)
        arena_want(arena, 1, all + MARGIN);
    else
        arena_want(arena, num_msgs * NUM_PARTS, longest + 3 * MARGIN);
    arena_want(&msgs_arena, 1, MAX_MSGS * sizeof *msgs);
    msgs = (struct gcm_msg *)arena_slot(&msgs_arena, 0);
    if (layout.place != AT_START)
        msgs += msgs_arena.slot_len / sizeof *msgs - num_msgs;
    num_pieces = 0;
    for (size_t i = 0; i < num_msgs; i++)
        place(&msgs[i], arena, i);
    if (layout.place == PACKED)
        pieces[num_pieces - 1].behind = MARGIN;
    for (size_t i = 0; i < num_pieces; i++) {
        memset(pieces[i].start - pieces[i].before, FILLER, pieces[i].before);
        memset(pieces[i].end, FILLER, pieces[i].behind);
    }
    return msgs;
}

#endif

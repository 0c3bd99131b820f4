/* gcm_ring.c - user data begins at 12 mod 64, where a frame's EtherType lies if the frame, or the frame that it was
 * before it got a SecTAG, begins on a line; addresses and SecTAG lie right before it, the ICV right behind. */
#include "gcm_ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LINE ((size_t)64)
#define BEFORE (2 * LINE + 12) /* from the start of a frame's memory to its user data */
#define HUGE_PAGE ((size_t)2 << 20)
#define TAG_LEN ((size_t)16)
#define MIX 12
#define AHEAD 4

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static size_t stride_of(uint32_t octets)
{
    return (BEFORE + octets + TAG_LEN + LINE - 1) / LINE * LINE;
}

static uint32_t mixed(size_t i)
{
    return i % MIX < 7 ? 50 : i % MIX < 11 ? 576 : 1500;
}

/* whole is the unit of frames in which a ring grows: whole bursts, and whole rounds of the mix. */
static size_t whole(const struct ring_shape *shape)
{
    size_t unit = shape->burst;
    while (!shape->octets && unit % MIX)
        unit += shape->burst;
    return unit;
}

static size_t how_many(const struct ring_shape *shape)
{
    size_t unit = whole(shape), stride = stride_of(shape->octets), octets = (size_t)512 << 10;
    if (!shape->octets)
        stride = (7 * stride_of(50) + 4 * stride_of(576) + stride_of(1500)) / MIX;
    if (shape->mib)
        octets = (size_t)shape->mib << 20;
    size_t num = octets / stride;
    if (!shape->mib && num > 512)
        num = 512;
    return num < unit ? unit : num / unit * unit;
}

/* shuffle puts the lengths of the mix into an order that is the same in every run. */
static void shuffle(uint32_t *lens, size_t num)
{
    for (size_t i = num - 1; i > 0; i--) {
        size_t j = next_random() % (i + 1);
        uint32_t other = lens[i];
        lens[i] = lens[j];
        lens[j] = other;
    }
}

static void lay_out(struct pysec_gcm_op *op, uint8_t *memory, uint32_t len, const struct ring_shape *shape)
{
    uint8_t *user = memory + BEFORE, *frame = user - shape->header;
    uint32_t clear = shape->clear < len ? shape->clear : len;
    memset(op, 0, sizeof *op);
    op->aad = frame;
    op->aad_len = shape->header + clear;
    op->data = user + clear;
    op->data_len = len - clear;
    op->tag = user + len;
    for (size_t i = 0; i < 12; i++)
        frame[i] = (uint8_t)next_random();
    memcpy(frame + 12, shape->header == 28 ? "\x88\xe5\x2c" : "\x88\xe5\x4c", 3);
    frame[15] = (uint8_t)(len < 48 ? len : 0);
    if (shape->header == 28)
        memcpy(frame + 20, "\x02\x00\x00\x00\x00\x01\x00\x01", 8);
    memcpy(op->nonce, "\x02\x00\x00\x00\x00\x01\x00\x01", 8);
    for (uint32_t i = 0; i < len; i++)
        user[i] = (uint8_t)next_random();
}

bool ring_make(struct ring *ring, const struct ring_shape *shape)
{
    size_t num = how_many(shape), used = 0;
    memset(ring, 0, sizeof *ring);
    uint32_t *lens = malloc(num * sizeof *lens);
    ring->ops = aligned_alloc(LINE, (num * sizeof *ring->ops + LINE - 1) / LINE * LINE);
    if (!lens || !ring->ops) {
        free(lens);
        ring_free(ring);
        return false;
    }
    random_state = 0x9e3779b97f4a7c15;
    for (size_t i = 0; i < num; i++)
        lens[i] = shape->octets ? shape->octets : mixed(i);
    shuffle(lens, num);
    for (size_t i = 0; i < num; i++)
        used += stride_of(lens[i]);
    ring->memory_len = (used + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    ring->memory = aligned_alloc(HUGE_PAGE, ring->memory_len);
    if (ring->memory) {
        madvise(ring->memory, ring->memory_len, MADV_HUGEPAGE); /* fewer pages, less noise; not needed */
        memset(ring->memory, 0, ring->memory_len);
        ring->shape = *shape;
        for (size_t at = 0; ring->num < num; at += stride_of(lens[ring->num++]))
            lay_out(&ring->ops[ring->num], ring->memory + at, lens[ring->num], shape);
    }
    free(lens);
    if (ring->memory)
        return true;
    ring_free(ring);
    return false;
}

void ring_free(struct ring *ring)
{
    free(ring->ops);
    free(ring->memory);
    memset(ring, 0, sizeof *ring);
}

void ring_next_ivs(struct ring *ring)
{
    for (size_t i = 0; i < ring->num; i++) {
        struct pysec_gcm_op *op = &ring->ops[i];
        uint32_t pn = (uint32_t)++ring->pn;
        uint8_t octets[4] = {(uint8_t)(pn >> 24), (uint8_t)(pn >> 16), (uint8_t)(pn >> 8), (uint8_t)pn};
        memcpy(op->nonce + 8, octets, 4);
        if (!ring->shape.mib)
            memcpy((uint8_t *)op->aad + 16, octets, 4);
    }
}

static void touch_frame(const struct pysec_gcm_op *op)
{
    uint8_t *end = op->tag + TAG_LEN;
    for (uint8_t *p = (uint8_t *)((uintptr_t)op->aad / LINE * LINE); p < end; p += LINE) {
        volatile uint64_t *word = (volatile uint64_t *)p;
        *word = *word; /* not changed, but the line is written */
    }
}

void ring_touch(struct ring *ring)
{
    for (size_t i = 0; i < ring->num; i++) {
        const struct pysec_gcm_op *next = &ring->ops[i + AHEAD < ring->num ? i + AHEAD : i];
        for (const uint8_t *p = next->aad; p < next->tag + TAG_LEN; p += LINE)
            __builtin_prefetch(p, 1);
        touch_frame(&ring->ops[i]);
    }
}

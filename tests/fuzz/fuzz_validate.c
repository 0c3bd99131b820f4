/* fuzz_validate.c - bursts of hostile frames through pysec_secy_validate.
 *
 * A fuzzer cannot forge an ICV, so most of the code would lie behind a wall. Therefore a frame may be marked to be
 * sealed here, whatever its SecTAG says, as a peer would who holds the key and has lost its mind.
 *
 * Input: four octets of settings (below), then frames: flags, length (two octets), octets from the destination
 * address on, those of the ICV included.
 *
 * Promised, for each frame: one verdict of the receive side and the action that goes with it; it stays in its slot,
 * and nothing beyond the slot is touched; only a sealed frame is in-pkts-ok under strict; packet numbers that were
 * accepted with a window of 0 rise; the plaintext of a refused frame is gone. For the burst: as many packets counted
 * as frames came, and everything as if the frames had come one at a time.
 */
#include "fuzz.h"

#include <pysec.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define POISONED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISONED 1
#endif
#endif
#ifdef POISONED
void __asan_poison_memory_region(void const volatile *addr, size_t size);
void __asan_unpoison_memory_region(void const volatile *addr, size_t size);
#else
#define __asan_poison_memory_region(addr, size) ((void)(addr), (void)(size))
#define __asan_unpoison_memory_region(addr, size) ((void)(addr), (void)(size))
#endif

enum { MAX_FRAMES = 40, MAX_FRAME = 1600, GAP = 32, SLOT = MAX_FRAME + PYSEC_HEADROOM + PYSEC_TAILROOM };
enum { NUM_KEYS = 2, FLAG_SEAL = 1 };

static const uint64_t peer_sci = 0x0200000000010001, broadcast_sci = 0x0200000000010000;
static const uint8_t salt[12] = "salt salt sa";

struct settings {
    int suite, validate, window, replay, duplicates, offset, vlans, wild, second_sc;
    uint64_t lowest_pn;
};

struct frame_in {
    const uint8_t *octets;
    uint32_t len;
    uint8_t flags;
};

/* What the frames were, to hold the verdicts against. */
struct sealed {
    int good;        /* sealed with a key that the SecY has */
    uint32_t secret; /* arena offset of the octets that were encrypted */
    uint32_t secret_len;
};

static uint64_t verdicts_seen[PYSEC_NUM_VERDICTS];

static void print_verdicts(void)
{
    for (int v = 0; v < PYSEC_NUM_VERDICTS; v++) {
        struct pysec_verdict_info info;
        if (verdicts_seen[v] && pysec_verdict_get_info(&info, v) == 0)
            fprintf(stderr, "verdict %s %llu\n", info.name, (unsigned long long)verdicts_seen[v]);
    }
}

static void key_of(uint8_t key[32], uint8_t ki[16], int i)
{
    memset(key, 0x40 + i, 32);
    memset(ki, 0x80 + i, 16);
}

static int is_xpn(const struct settings *s)
{
    return s->suite >= PYSEC_GCM_AES_XPN_128;
}

static uint32_t ssci_of(uint64_t sci)
{
    return sci == peer_sci ? 1 : 2;
}

static struct settings take_settings(struct reader *r)
{
    static const int offsets[] = {0, 30, 50, 0};
    uint8_t a = take_u8(r), b = take_u8(r);
    struct settings s = {.suite = a & 3, .validate = a >> 2 & 3, .replay = a >> 4 & 1, .duplicates = a >> 5 & 1};
    s.offset = is_xpn(&s) ? 0 : offsets[a >> 6];
    s.vlans = (b & 3) % 3;
    s.second_sc = b >> 2 & 1;
    s.wild = b >> 3 & 1;
    s.window = (b >> 4) * (b >> 4) * 5;
    s.duplicates &= s.replay;
    /* From the beginning, or just before a place where arithmetic turns: half of 2^32, 2^32, the last of all. */
    static const uint64_t turns[2][4] = {{0, UINT32_MAX / 2, UINT32_MAX - 16, UINT32_MAX - 300},
                                         {0, UINT64_C(0x17fffff00), UINT64_C(0x1fffffff0), UINT64_MAX - 300}};
    uint8_t c = take_u8(r), d = take_u8(r);
    s.lowest_pn = turns[is_xpn(&s)][c & 3] + 1u + (c & 3 ? d & 15 : d);
    return s;
}

static struct pysec_secy *new_secy(const struct settings *s)
{
    struct pysec_config config;
    struct pysec_secy *secy;
    size_t key_len = s->suite & 1 ? 32 : 16;
    pysec_secy_defaults(&config);
    config.validate_frames = (uint32_t)s->validate;
    config.replay_protect = (uint8_t)s->replay;
    config.replay_window = (uint32_t)s->window;
    config.refuse_duplicates = (uint8_t)s->duplicates;
    config.vlan_tags_in_clear = (uint8_t)s->vlans;
    PROMISE(pysec_secy_new(&secy, 0x0200000000020001, s->suite, &config, 4, NULL, 7) == 0, "a SecY can be made");
    for (int i = 0; i < NUM_KEYS; i++) {
        uint8_t key[32], ki[16];
        key_of(key, ki, i);
        PROMISE(pysec_secy_install_sak(secy, ki, key, key_len, is_xpn(s) ? salt : NULL, (uint32_t)s->offset) == 0,
                "a SAK is taken");
        for (int j = 0; j <= s->second_sc; j++) {
            uint64_t sci = j ? broadcast_sci : peer_sci;
            PROMISE(pysec_secy_create_receive_sc(secy, sci) == 0, "an SC is made");
            /* AN 0 and 1 are in use, AN 2 is not, AN 3 does not exist. */
            PROMISE(pysec_secy_create_receive_sa(secy, sci, (uint32_t)i, ki, s->lowest_pn, ssci_of(sci)) == 0,
                    "an SA is made");
            PROMISE(pysec_secy_enable_receive(secy, sci, ki, 1) == 0, "and enabled");
        }
    }
    uint8_t key[32], ki[16];
    key_of(key, ki, NUM_KEYS);
    PROMISE(pysec_secy_install_sak(secy, ki, key, key_len, is_xpn(s) ? salt : NULL, 0) == 0, "a spare SAK is taken");
    PROMISE(pysec_secy_create_receive_sa(secy, peer_sci, 2, ki, 1, 1) == 0, "and an SA that is not in use");
    return secy;
}

static uint64_t number(const uint8_t *p, int octets)
{
    uint64_t x = 0;
    while (octets-- > 0)
        x = x << 8 | *p++;
    return x;
}

static void put_number(uint8_t *p, uint64_t x, int octets)
{
    while (octets-- > 0) {
        p[octets] = (uint8_t)x;
        x >>= 8;
    }
}

/* The 96-bit IV of a frame: SCI and PN, or with XPN their like mixed with the salt. */
static void nonce_of(uint8_t nonce[12], const struct settings *s, uint64_t sci, uint32_t pn)
{
    if (!is_xpn(s)) {
        put_number(nonce, sci, 8);
        put_number(nonce + 8, pn, 4);
        return;
    }
    put_number(nonce, ssci_of(sci), 4);
    put_number(nonce + 4, pysec_xpn_recover(s->lowest_pn, pn), 8);
    for (int i = 0; i < 12; i++)
        nonce[i] ^= salt[i];
}

/* Seal a frame in place, its last 16 octets (or those where SL puts the ICV) being the ICV. Frames that cannot be
 * sealed stay as they are. */
static struct sealed seal(uint8_t *frame, uint32_t at, uint32_t len, const struct settings *s)
{
    struct sealed none = {0, 0, 0}, done = none;
    uint32_t tag = 12;
    for (int i = 0; i < s->vlans && tag + 6 <= len; i++) {
        uint64_t type = number(frame + tag, 2);
        if (type != 0x8100 && type != 0x88a8)
            break;
        tag += 4;
    }
    if (tag + 8 > len || number(frame + tag, 2) != 0x88e5)
        return none;
    uint8_t tci = frame[tag + 2], sl = frame[tag + 3];
    uint32_t tag_len = tci & 0x20 ? 16 : 8;
    if (len < tag + tag_len + 16 || (tci & 3) >= NUM_KEYS)
        return none;
    uint32_t data_len = sl ? sl : len - tag - tag_len - 16;
    if (len < tag + tag_len + data_len + 16)
        return none;
    uint64_t sci = tci & 0x20   ? number(frame + tag + 8, 8)
                   : tci & 0x10 ? number(frame + 6, 6) << 16
                   : tci & 0x40 ? number(frame + 6, 6) << 16 | 1
                                : peer_sci;

    /* The AAD is gathered: with VLAN tags in clear it does not lie in one piece. */
    uint32_t clear = tci & 4 ? (s->offset < (int)data_len ? (uint32_t)s->offset : data_len) : data_len;
    uint8_t scratch[SLOT + 64];
    uint32_t aad_len = 12 + tag_len + clear, secret_len = data_len - clear;
    memcpy(scratch, frame, 12);
    memcpy(scratch + 12, frame + tag, aad_len - 12 + secret_len);
    struct pysec_gcm_msg msg = {.aad_len = aad_len, .data = aad_len, .data_len = secret_len};
    msg.tag = aad_len + secret_len;
    nonce_of(msg.nonce, s, sci, (uint32_t)number(frame + tag + 4, 4));

    uint8_t key[32], ki[16];
    struct pysec_gcm *gcm;
    key_of(key, ki, tci & 3);
    PROMISE(pysec_gcm_new(&gcm, key, s->suite & 1 ? 32 : 16, NULL) == 0, "a GCM key can be made");
    PROMISE(pysec_gcm_seal(gcm, scratch, sizeof scratch, &msg, 1) == 0, "a message can be sealed");
    pysec_gcm_free(gcm);
    memcpy(frame + tag + tag_len + clear, scratch + aad_len, secret_len + 16);
    done.good = 1;
    done.secret = at + tag + tag_len + clear;
    done.secret_len = secret_len;
    return done;
}

static size_t take_frames(struct frame_in *frames, struct reader *r)
{
    size_t n = 0;
    while (r->left > 3 && n < MAX_FRAMES) {
        struct frame_in *f = &frames[n++];
        f->flags = take_u8(r);
        f->len = (uint32_t)take_u8(r) << 8;
        f->len |= take_u8(r);
        if (f->len > r->left)
            f->len = (uint32_t)r->left;
        if (f->len > MAX_FRAME)
            f->len = MAX_FRAME;
        f->octets = r->at;
        r->at += f->len;
        r->left -= f->len;
    }
    return n;
}

/* Frames in slots with poisoned gaps between them. */
static uint8_t *lay_out(struct pysec_frame *out, struct sealed *sealed, const struct frame_in *in, size_t n,
                        const struct settings *s)
{
    uint8_t *arena = calloc(n * (SLOT + GAP) + GAP, 1);
    if (arena == NULL)
        exit(2);
    memset(out, 0, n * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        /* How much room a slot has behind its frame does not matter to a receiver. */
        uint32_t slot = (uint32_t)(i * (SLOT + GAP) + GAP), head = in[i].flags >> 4, tail = in[i].flags >> 2 & 3;
        out[i].slot = slot;
        out[i].slot_len = head + in[i].len + tail;
        out[i].offset = slot + head;
        out[i].len = in[i].len;
        memcpy(arena + out[i].offset, in[i].octets, in[i].len);
        sealed[i] = (struct sealed){0, 0, 0};
        if (in[i].flags & FLAG_SEAL)
            sealed[i] = seal(arena + out[i].offset, out[i].offset, in[i].len, s);
    }
    uint32_t from = 0;
    for (size_t i = 0; i < n; i++) {
        __asan_poison_memory_region(arena + from, out[i].slot - from);
        from = out[i].slot + out[i].slot_len;
    }
    __asan_poison_memory_region(arena + from, n * (SLOT + GAP) + GAP - from);
    return arena;
}

static void check_frame(const uint8_t *arena, const struct pysec_frame *f, const struct sealed *sealed,
                        const struct settings *s)
{
    struct pysec_verdict_info info;
    PROMISE(f->verdict >= PYSEC_V_IN_UNTAGGED && f->verdict <= PYSEC_V_IN_MALFORMED, "a verdict of the receive side");
    PROMISE(pysec_verdict_get_info(&info, f->verdict) == 0 && f->reason < PYSEC_NUM_REASONS, "and a known reason");
    PROMISE(f->action <= PYSEC_A_UNCONTROLLED, "and an action of the receive side");
    verdicts_seen[f->verdict]++;
    if (f->verdict == PYSEC_V_IN_MALFORMED)
        return;
    PROMISE(f->offset >= f->slot && (uint64_t)f->offset + f->len <= (uint64_t)f->slot + f->slot_len, "in its slot");
    if (f->verdict == PYSEC_V_IN_OK)
        PROMISE(f->action == PYSEC_A_CONTROLLED, "a good frame is delivered");
    if (f->verdict == PYSEC_V_IN_OK && s->validate == PYSEC_VALIDATE_STRICT)
        PROMISE(sealed->good, "no frame is good that nobody sealed");
    if (f->action == PYSEC_A_DISCARD && sealed->good && f->reason == PYSEC_R_ICV)
        for (uint32_t i = 0; i < sealed->secret_len; i++)
            PROMISE(arena[sealed->secret + i] == 0, "the plaintext of a refused frame is gone");
}

static void check_replay(const struct pysec_frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (frames[i].verdict == PYSEC_V_IN_OK && frames[j].verdict == PYSEC_V_IN_OK &&
                frames[i].sci == frames[j].sci && frames[i].an == frames[j].an)
                PROMISE(frames[i].pn > frames[j].pn, "accepted packet numbers rise");
}

static void check_counters(struct pysec_secy *secy, struct pysec_secy *other, size_t n)
{
    struct pysec_counters a, b, sc;
    uint64_t packets = 0, by_sc = 0, per_sc = 0;
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    pysec_secy_get_counters(secy, &a);
    for (int v = 0; v < PYSEC_NUM_VERDICTS; v++) {
        struct pysec_verdict_info info;
        packets += a.packets[v];
        if (pysec_verdict_get_info(&info, v) == 0 && info.per_sc)
            per_sc += a.packets[v];
    }
    PROMISE(packets == n, "as many packets are counted as frames came");
    for (int j = 0; j < 2; j++) {
        if (pysec_secy_get_sc_counters(secy, &sc, j ? broadcast_sci : peer_sci) == 0)
            for (int v = 0; v < PYSEC_NUM_VERDICTS; v++)
                by_sc += sc.packets[v];
    }
    PROMISE(by_sc == per_sc, "what is counted per SC adds up");
    pysec_secy_get_counters(other, &b);
    PROMISE(memcmp(&a, &b, sizeof a) == 0, "a burst counts as its frames one at a time");
}

/* Descriptors of the caller's own invention: they may give any verdict, but nothing outside the arena is touched. */
static void run_wild(const struct settings *s, struct reader *r)
{
    size_t len = take_u8(r) * 4u, n = 0;
    struct pysec_frame frames[8];
    uint8_t *arena = malloc(len ? len : 1);
    if (arena == NULL)
        exit(2);
    memset(frames, 0, sizeof frames);
    for (; n < 8 && r->left; n++) {
        uint8_t narrow = take_u8(r);
        uint32_t mask = narrow & 1 ? 0xffffffff : 0x3ff;
        frames[n].offset = take_u32(r) & mask;
        frames[n].len = take_u32(r) & mask;
        frames[n].slot = take_u32(r) & mask;
        frames[n].slot_len = take_u32(r) & mask;
    }
    for (size_t i = 0; i < len; i++)
        arena[i] = take_u8(r);
    struct pysec_secy *secy = new_secy(s);
    PROMISE(pysec_secy_validate(secy, arena, len, frames, n) == 0, "validate takes any descriptors");
    for (size_t i = 0; i < n; i++) {
        PROMISE(frames[i].verdict >= PYSEC_V_IN_UNTAGGED && frames[i].verdict <= PYSEC_V_IN_MALFORMED, "a verdict");
        verdicts_seen[frames[i].verdict]++;
    }
    pysec_secy_free(secy);
    free(arena);
}

static void run_burst(const struct settings *s, struct reader *r)
{
    struct frame_in in[MAX_FRAMES] = {{0}};
    struct pysec_frame burst[MAX_FRAMES], alone[MAX_FRAMES];
    struct sealed sealed[MAX_FRAMES];
    size_t n = take_frames(in, r), arena_len = n * (SLOT + GAP) + GAP;
    uint8_t *a = lay_out(burst, sealed, in, n, s), *b = lay_out(alone, sealed, in, n, s);
    struct pysec_secy *secy = new_secy(s), *other = new_secy(s);

    PROMISE(pysec_secy_validate(secy, a, arena_len, burst, n) == 0, "validate takes a burst");
    for (size_t i = 0; i < n; i++)
        PROMISE(pysec_secy_validate(other, b, arena_len, &alone[i], 1) == 0, "and a single frame");
    for (size_t i = 0; i < n; i++) {
        check_frame(a, &burst[i], &sealed[i], s);
        PROMISE(memcmp(&burst[i], &alone[i], sizeof burst[i]) == 0, "a burst is its frames one at a time");
        if (burst[i].action != PYSEC_A_DISCARD) /* of a refused frame it may be the ciphertext or nothing that stays */
            PROMISE(memcmp(a + burst[i].offset, b + alone[i].offset, burst[i].len) == 0, "octet for octet");
    }
    if (s->replay && s->window == 0 && s->validate == PYSEC_VALIDATE_STRICT)
        check_replay(burst, n);
    check_counters(secy, other, n);

    pysec_secy_free(secy);
    pysec_secy_free(other);
    __asan_unpoison_memory_region(a, arena_len);
    __asan_unpoison_memory_region(b, arena_len);
    free(a);
    free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int first = 1;
    if (first && getenv("PYSEC_FUZZ_VERDICTS") != NULL)
        atexit(print_verdicts);
    first = 0;
    struct reader r = {data, size};
    struct settings s = take_settings(&r);
    if (s.wild)
        run_wild(&s, &r);
    else
        run_burst(&s, &r);
    return 0;
}

#ifdef PYSEC_STANDALONE
#include "standalone.c"
#endif

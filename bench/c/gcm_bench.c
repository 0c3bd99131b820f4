/* gcm_bench.c - AES-GCM timed from C, ours and others on the same frames in turn. bench/gcm_harness.py compiles it with
 * the core and talks to it over a pipe; the samples of all providers are taken in turn.
 *
 *   load PATH                             ->  ok PROVIDER WAY[,WAY..] VERSION    a peer: a shared object, gcm_peer.h
 *   ring OCTETS HEADER CLEAR BURST MIB KEY  ->  ok FRAMES           what gcm_ring.h says; KEY in hexadecimal
 *   add PROVIDER WAY                      ->  ok ID                 `pysec IMPL` is ours
 *   check ID PATH                         ->  ok FRAMES             what it made of frames, for others to compare
 *   sample ID NANOSECONDS                 ->  ok SEAL_NS OPEN_NS FRAMES GHZ    at least so much work in each direction
 *   setup ID NANOSECONDS                  ->  ok NS KEYS GHZ        keys expanded and freed
 *   touch NANOSECONDS                     ->  ok NS FRAMES GHZ      one word of each line of the ring
 *   limits                                ->  ok NAME:BITS=CYCLES ..
 *   clock                                 ->  ok GHZ
 *   anything that fails                   ->  error TEXT
 *
 * What is timed: bursts over the ring, nothing else. Before each pass the frames get new IVs, untimed. A pass seals the
 * whole ring in place, then opens it, so that the frames are what they were; a refused frame ends the bench. A new
 * ring forgets the providers added to the one before.
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "gcm_limits.h"
#include "gcm_peer.h"
#include "gcm_ring.h"

#define MAX_PEERS 8
#define MAX_CASES 32
#define MAX_CHECKED 512
#define SETUP_KEYS 64

struct peer {
    const char *provider, *version;
    const struct gcm_way *ways;
    size_t num_ways;
};

struct bench_case {
    const struct gcm_way *way;
    char impl[32];
    void *seals, *opens; /* the key, for each direction */
};

static struct peer peers[MAX_PEERS];
static struct bench_case cases[MAX_CASES];
static int num_peers, num_cases;
static struct ring ring;
static uint8_t key[32];
static size_t key_len;

/* ---- Ours, as a peer among peers */

static void *our_key_new(const uint8_t *octets, size_t len, const char *impl, int opens)
{
    struct pysec_gcm *k = NULL;
    (void)opens;
    return pysec_gcm_new(&k, octets, len, impl) ? NULL : k;
}

static void our_key_free(void *k)
{
    pysec_gcm_free(k);
}

static void our_seal(void *k, struct pysec_gcm_op *ops, size_t num_ops)
{
    pysec_gcm_seal_ops(k, ops, num_ops);
}

static size_t our_open(void *k, struct pysec_gcm_op *ops, size_t num_ops)
{
    return pysec_gcm_open_ops(k, ops, num_ops);
}

static const struct gcm_way ours = {"ops", 0, our_key_new, our_key_free, our_seal, our_open};

/* ---- Passes over the ring */

static void seal_all(const struct bench_case *c)
{
    size_t burst = ring.shape.burst;
    for (size_t i = 0; i < ring.num; i += burst)
        c->way->seal(c->seals, ring.ops + i, burst);
}

static size_t open_all(const struct bench_case *c)
{
    size_t burst = ring.shape.burst, num_bad = 0;
    for (size_t i = 0; i < ring.num; i += burst)
        num_bad += c->way->open(c->opens, ring.ops + i, burst);
    return num_bad;
}

static void do_sample(const struct bench_case *c, uint64_t at_least)
{
    uint64_t seal_ns = 0, open_ns = 0, frames = 0;
    double ghz = core_ghz();
    do {
        ring_next_ivs(&ring);
        uint64_t start = now_ns();
        seal_all(c);
        uint64_t sealed = now_ns();
        size_t num_bad = open_all(c);
        open_ns += now_ns() - sealed;
        seal_ns += sealed - start;
        frames += ring.num;
        if (num_bad) {
            printf("error it refused %zu of its own frames\n", num_bad);
            return;
        }
    } while (seal_ns < at_least || open_ns < at_least);
    ghz = (ghz + core_ghz()) / 2;
    printf("ok %" PRIu64 " %" PRIu64 " %" PRIu64 " %.4f\n", seal_ns, open_ns, frames, ghz);
}

static void do_touch(uint64_t at_least)
{
    uint64_t ns = 0, frames = 0;
    double ghz = core_ghz();
    do {
        uint64_t start = now_ns();
        ring_touch(&ring);
        ns += now_ns() - start;
        frames += ring.num;
    } while (ns < at_least);
    printf("ok %" PRIu64 " %" PRIu64 " %.4f\n", ns, frames, (ghz + core_ghz()) / 2);
}

/* do_setup expands keys that differ, and frees them, both timed; freeing is where a library wipes. */
static void do_setup(const struct bench_case *c, uint64_t at_least)
{
    uint64_t ns = 0, num = 0;
    uint8_t octets[32];
    double ghz = core_ghz();
    memcpy(octets, key, sizeof octets);
    while (ns < at_least) {
        void *keys[SETUP_KEYS];
        uint64_t start = now_ns();
        for (int i = 0; i < SETUP_KEYS; i++) {
            octets[i % 16]++;
            keys[i] = c->way->key_new(octets, key_len, c->impl, 0);
        }
        for (int i = 0; i < SETUP_KEYS; i++)
            c->way->key_free(keys[i]);
        ns += now_ns() - start;
        num += SETUP_KEYS;
    }
    printf("ok %" PRIu64 " %" PRIu64 " %.4f\n", ns, num, (ghz + core_ghz()) / 2);
}

/* ---- The check that comes before any sample */

static size_t octets_of(const struct pysec_gcm_op *op)
{
    return op->aad_len + op->data_len;
}

/* num_checked is how many frames are looked at: whole bursts from the start of the ring. */
static size_t num_checked(void)
{
    return ring.num < MAX_CHECKED ? ring.num : MAX_CHECKED / ring.shape.burst * ring.shape.burst;
}

/* The first frames as they were: additional data and data, one behind the other. */
static uint8_t *save_frames(void)
{
    size_t len = 1;
    for (size_t i = 0; i < num_checked(); i++)
        len += octets_of(&ring.ops[i]);
    uint8_t *saved = malloc(len), *p = saved;
    for (size_t i = 0; saved && i < num_checked(); p += octets_of(&ring.ops[i]), i++)
        memcpy(p, ring.ops[i].aad, octets_of(&ring.ops[i])); /* the data lies right behind */
    return saved;
}

static void restore_frames(const uint8_t *saved)
{
    for (size_t i = 0; i < num_checked(); saved += octets_of(&ring.ops[i]), i++)
        memcpy((uint8_t *)ring.ops[i].aad, saved, octets_of(&ring.ops[i]));
}

/* frames_differ counts those of the first that are not as they were, the three named left out. */
static size_t frames_differ(const uint8_t *saved, const size_t but[3])
{
    size_t num = 0;
    for (size_t i = 0; i < num_checked(); saved += octets_of(&ring.ops[i]), i++)
        num +=
            memcmp(ring.ops[i].aad, saved, octets_of(&ring.ops[i])) != 0 && i != but[0] && i != but[1] && i != but[2];
    return num;
}

/* write_frames writes, for each of the first frames: lengths of additional data and data (4 octets each, in the order
 * of this machine), nonce, additional data, data as it was, data as it is, tag. */
static int write_frames(const char *path, const uint8_t *saved)
{
    FILE *f = fopen(path, "wb");
    if (!f)
        return -1;
    for (size_t i = 0; i < num_checked(); saved += octets_of(&ring.ops[i]), i++) {
        const struct pysec_gcm_op *op = &ring.ops[i];
        fwrite(&op->aad_len, 4, 1, f);
        fwrite(&op->data_len, 4, 1, f);
        fwrite(op->nonce, 12, 1, f);
        fwrite(saved, 1, octets_of(op), f);
        fwrite(op->data, 1, op->data_len, f);
        fwrite(op->tag, 16, 1, f);
    }
    return fclose(f);
}

/* tampered seals the ring, changes a tag, the last octet of a frame's data and one of additional data, and says what
 * is wrong with how that is received; NULL if nothing is. */
static const char *tampered(const struct bench_case *c, const uint8_t *saved)
{
    size_t last = num_checked() - 1, at[3] = {0, last / 2, last}, want = 0;
    ring_next_ivs(&ring);
    restore_frames(saved);
    seal_all(c);
    ring.ops[at[0]].tag[15] ^= 0x80;
    if (at[1] != at[0])
        ring.ops[at[1]].tag[-1] ^= 1; /* of the data, or of additional data if there is no other */
    if (at[2] != at[1])
        ((uint8_t *)ring.ops[at[2]].aad)[0] ^= 1;
    for (int i = 0; i < 3; i++)
        want += i == 0 || at[i] != at[i - 1];
    size_t num_bad = open_all(c);
    if (num_bad != want)
        return num_bad < want ? "it opened a frame that was changed" : "it refused a frame that was not changed";
    if (frames_differ(saved, at))
        return "beside a frame that was changed, others came out wrong";
    restore_frames(saved);
    return NULL;
}

/* check_case takes a ring cut short to what is looked at. */
static const char *check_case(const struct bench_case *c, const char *path)
{
    const size_t none[3] = {SIZE_MAX, SIZE_MAX, SIZE_MAX}, num = ring.num;
    const char *fault = NULL;
    ring.num = num_checked();
    ring_next_ivs(&ring);
    uint8_t *saved = save_frames();
    if (!saved) {
        ring.num = num;
        return "no memory";
    }
    seal_all(c);
    if (write_frames(path, saved))
        fault = "the frames cannot be written";
    if (open_all(c))
        fault = "it refused its own frames";
    else if (frames_differ(saved, none))
        fault = "what it opened is not what it sealed";
    if (!fault)
        fault = tampered(c, saved);
    restore_frames(saved);
    free(saved);
    ring.num = num;
    return fault;
}

/* ---- Commands */

static const char *do_load(const char *path)
{
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    struct peer *p = &peers[num_peers];
    const char *(*start)(const struct gcm_way **, size_t *, const char **) = NULL;
    if (!so || num_peers == MAX_PEERS)
        return so ? "too many peers" : dlerror();
    *(void **)&start = dlsym(so, "gcm_peer_start");
    if (!start || !(p->version = start(&p->ways, &p->num_ways, &p->provider)))
        return "it does not start";
    num_peers++;
    printf("ok %s ", p->provider);
    for (size_t i = 0; i < p->num_ways; i++)
        printf("%s%s%s", i ? "," : "", p->ways[i].name, p->ways[i].without_data ? "*" : "");
    printf(" %s\n", p->version);
    return NULL;
}

static void forget_cases(void)
{
    for (; num_cases; num_cases--) {
        struct bench_case *c = &cases[num_cases - 1];
        if (c->seals)
            c->way->key_free(c->seals);
        if (c->opens)
            c->way->key_free(c->opens);
        memset(c, 0, sizeof *c);
    }
}

static const char *do_ring(const char *line)
{
    struct ring_shape s;
    char hex[65];
    if (sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %64s", &s.octets, &s.header, &s.clear,
               &s.burst, &s.mib, hex) != 6)
        return "bad ring";
    key_len = strlen(hex) / 2;
    if (s.octets > 16000 || (s.header != 20 && s.header != 28) || s.burst < 1 || s.burst > 256 || s.mib > 1024 ||
        (key_len != 16 && key_len != 32))
        return "bad ring";
    for (size_t i = 0; i < key_len; i++)
        if (sscanf(hex + 2 * i, "%2" SCNx8, &key[i]) != 1)
            return "bad key";
    forget_cases();
    ring_free(&ring);
    if (!ring_make(&ring, &s))
        return "no memory for the ring";
    printf("ok %zu\n", ring.num);
    return NULL;
}

static const struct gcm_way *find_way(const char *provider, const char *way)
{
    if (strcmp(provider, "pysec") == 0)
        return &ours;
    for (int i = 0; i < num_peers; i++)
        for (size_t j = 0; strcmp(peers[i].provider, provider) == 0 && j < peers[i].num_ways; j++)
            if (strcmp(peers[i].ways[j].name, way) == 0)
                return &peers[i].ways[j];
    return NULL;
}

static const char *do_add(const char *line)
{
    char provider[32], way[32];
    if (sscanf(line, "%31s %31s", provider, way) != 2 || num_cases == MAX_CASES || !ring.num)
        return "bad add";
    struct bench_case *c = &cases[num_cases];
    c->way = find_way(provider, way);
    if (!c->way || (c->way->without_data && ring.ops[0].data_len))
        return "no such provider, or not for these messages";
    snprintf(c->impl, sizeof c->impl, "%s", way);
    c->seals = c->way->key_new(key, key_len, c->impl, 0);
    c->opens = c->way->key_new(key, key_len, c->impl, 1);
    num_cases++;
    if (!c->seals || !c->opens)
        return "it takes no key";
    printf("ok %d\n", num_cases - 1);
    return NULL;
}

static void do_limits(void)
{
    struct gcm_limit limits[GCM_MAX_LIMITS];
    int num = gcm_limits(limits);
    printf("ok");
    for (int i = 0; i < num; i++)
        printf(" %s:%d=%.4f", limits[i].name, limits[i].bits, limits[i].cycles);
    printf("\n");
}

/* on_case does what is done with one case: check, sample, setup. */
static const char *on_case(const char *line)
{
    char verb[16], rest[4096];
    int id;
    if (sscanf(line, "%15s %d %4095[^\n]", verb, &id, rest) != 3 || id < 0 || id >= num_cases)
        return "not understood";
    if (strcmp(verb, "check") == 0) {
        const char *fault = check_case(&cases[id], rest);
        if (!fault)
            printf("ok %zu\n", num_checked());
        return fault;
    }
    if (strcmp(verb, "sample") == 0)
        do_sample(&cases[id], strtoull(rest, NULL, 10));
    else if (strcmp(verb, "setup") == 0)
        do_setup(&cases[id], strtoull(rest, NULL, 10));
    else
        return "not understood";
    return NULL;
}

int main(void)
{
    char line[4200];
    while (fgets(line, sizeof line, stdin)) {
        const char *fault = NULL;
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, "load ", 5) == 0)
            fault = do_load(line + 5);
        else if (strncmp(line, "ring ", 5) == 0)
            fault = do_ring(line + 5);
        else if (strncmp(line, "add ", 4) == 0)
            fault = do_add(line + 4);
        else if (strncmp(line, "touch ", 6) == 0 && ring.num)
            do_touch(strtoull(line + 6, NULL, 10));
        else if (strcmp(line, "limits") == 0)
            do_limits();
        else if (strcmp(line, "clock") == 0)
            printf("ok %.4f\n", core_ghz());
        else
            fault = on_case(line);
        if (fault)
            printf("error %s\n", fault);
        fflush(stdout);
    }
    forget_cases();
    ring_free(&ring);
    return 0;
}

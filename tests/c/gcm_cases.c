/* gcm_cases.c - bursts from stdin, with what they must become, through any implementation, wherever it runs.
 *
 * Nothing here knows how AES-GCM works: the cases say what is right (tests/unit/gcm/cases.py has them from OpenSSL).
 * So the same program, on the same cases, runs natively, with sanitizers, under valgrind and under qemu.
 *
 *   gcm_cases --list          one line for each implementation of this build: its name, a tab, "usable" or why not
 *   gcm_cases [NAME...]       read cases; run each on the named implementations, even on one that failed its known
 *                             answers, or on all that are usable
 *
 * Each burst is sealed, opened, and, if messages are to be spoilt, opened once more with those spoilt. Compared are
 * data, tag, ok and the number returned; beside that nothing may change: AAD, IV, the messages' own fields, the
 * tag that open was given, and up to 64 octets on both sides of every piece. What a message of length 0 points to is
 * no memory. Prints a line for what is wrong, 20 at most, and last "ok: ..." or "WRONG: ...". Exit status 0, or 1 if
 * anything is wrong; 2 if the input is no cases; 77 if a name cannot be had, with the reason.
 *
 * The cases are records; numbers have four octets, the lowest first:
 *   'P' len octets                     the pool, of which AAD and plaintext are parts
 *   'K' len octets                     the key from here on: 16 or 32
 *   'E' in out                         AES on one block: 16 octets each
 *   'B' num layout messages results    a burst; layout is 8 octets:
 *         place                        0 between margins, 1 with the end against a page that may not be touched,
 *                                      2 with the start against one, 3 all pieces one behind the other
 *         joined                       1: the AAD ends where the data begins; 2: the tag begins where the data ends
 *         skew[3]                      for places 0 and 3: of AAD, data and tag, in octets; 3 leaves as many free
 *         step                         message i has i * step added to each skew; they are taken modulo 64
 *         0 0
 *       messages: num times aad_at aad_len data_at data_len (in the pool) spoil iv[12]
 *       results: num times data_len octets of ciphertext, tag[16]
 *       spoil: which << 24 | bit; 0 nothing, 1 a bit of the tag, 2 of the AAD, 3 of the ciphertext, 4 of the IV;
 *         5: the result given is no result; it must be refused, and sealing is not compared
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gcm_place.h"

#define MAX_IMPLS 16
#define MAX_WRONG 20

static uint8_t *pool, *results;
static size_t pool_len, results_room;

static const struct gcm_impl *impls[MAX_IMPLS];
static struct gcm_key *keys[MAX_IMPLS];
static size_t num_impls;

/* Where we are, for messages. */
static const char *impl_name = "", *phase = "";
static unsigned long num_bursts, num_checked, num_octets, num_wrong;

static void finish(void)
{
    printf("%s: %lu bursts, %lu messages, %lu octets:", num_wrong == 0 ? "ok" : "WRONG", num_bursts, num_checked,
           num_octets);
    for (size_t i = 0; i < num_impls; i++)
        printf(" %s", impls[i]->name);
    printf("\n");
    exit(num_wrong > 0);
}

__attribute__((format(printf, 2, 3))) static void wrong(size_t i, const char *format, ...)
{
    va_list args;

    printf("%s: burst %lu (of %zu messages), place %d, joined %d, %s: message %zu (AAD %u, data %u): ", impl_name,
           num_bursts, num_msgs, layout.place, layout.joined, phase, i, wants[i].aad_len, wants[i].data_len);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    if (++num_wrong == MAX_WRONG)
        finish();
}

static void malformed(const char *why)
{
    fprintf(stderr, "gcm_cases: after %lu bursts: %s\n", num_bursts, why);
    exit(2);
}

/* ---- Checks ------------------------------------------------------------------------------------------------------ */

static void copy(void *to, const void *from, size_t len)
{
    if (len > 0)
        memcpy(to, from, len);
}

static int same(const void *a, const void *b, size_t len)
{
    return len == 0 || memcmp(a, b, len) == 0;
}

static int all_are(const uint8_t *p, size_t len, uint8_t octet)
{
    return len == 0 || (p[0] == octet && memcmp(p, p + 1, len - 1) == 0);
}

static size_t first_difference(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t i = 0;

    while (i < len && a[i] == b[i])
        i++;
    return i;
}

static enum spoil spoil_of(size_t i)
{
    return (enum spoil)(wants[i].spoil >> 24);
}

static void flip(uint8_t *p, size_t bit)
{
    p[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
}

/* untouched compares what neither seal nor open may write. */
static void untouched(const struct gcm_msg *msgs, const struct gcm_msg *before, int spoilt)
{
    for (size_t i = 0; i < num_msgs; i++) {
        struct gcm_msg now = msgs[i];
        int aad_spoilt = spoilt && spoil_of(i) == SPOIL_AAD;

        now.ok = before[i].ok;
        if (memcmp(&now, &before[i], offsetof(struct gcm_msg, ok) + sizeof now.ok) != 0)
            wrong(i, "its fields were changed");
        if (aad_spoilt)
            flip((uint8_t *)msgs[i].aad, wants[i].spoil & 0xffffff);
        if (!same(msgs[i].aad, pool + wants[i].aad_at, wants[i].aad_len))
            wrong(i, "its AAD was changed");
    }
    for (size_t k = 0; k < num_pieces; k++) {
        const struct piece *p = &pieces[k];
        if (!all_are(p->start - p->before, p->before, FILLER) || !all_are(p->end, p->behind, FILLER))
            wrong(0, "octets beside piece %zu of the burst were changed", k);
    }
}

/* fill puts AAD, and plaintext or else the result, where the messages have them. */
static void fill(struct gcm_msg *msgs, int with_result)
{
    const uint8_t *result = results;

    for (size_t i = 0; i < num_msgs; i++) {
        copy((uint8_t *)msgs[i].aad, pool + wants[i].aad_at, wants[i].aad_len);
        copy(msgs[i].data, with_result ? result : pool + wants[i].data_at, wants[i].data_len);
        result += wants[i].data_len;
        copy(msgs[i].tag, with_result ? result : pool, GCM_TAG_LEN);
        result += GCM_TAG_LEN;
    }
}

static void check_sealed(const struct gcm_msg *msgs)
{
    const uint8_t *result = results;

    for (size_t i = 0; i < num_msgs; i++) {
        uint32_t len = wants[i].data_len;
        if (spoil_of(i) != REFUSE) {
            if (!same(msgs[i].data, result, len))
                wrong(i, "the ciphertext is wrong at octet %zu", first_difference(msgs[i].data, result, len));
            if (!same(msgs[i].tag, result + len, GCM_TAG_LEN))
                wrong(i, "the tag is wrong");
        }
        result += len + GCM_TAG_LEN;
    }
}

static void check_opened(const struct gcm_msg *msgs, size_t num_bad, int spoilt)
{
    const uint8_t *tag = results;
    size_t num = 0;

    for (size_t i = 0; i < num_msgs; i++) {
        const uint8_t *plain = pool + wants[i].data_at;
        uint32_t len = wants[i].data_len, good = spoil_of(i) == NOTHING || (!spoilt && spoil_of(i) != REFUSE);

        num += !good;
        if (msgs[i].ok != good)
            wrong(i, "%s, ok is %#x", good ? "it was refused" : "it was accepted", msgs[i].ok);
        if (good && !same(msgs[i].data, plain, len))
            wrong(i, "the plaintext is wrong at octet %zu", first_difference(msgs[i].data, plain, len));
        if (!good && !all_are(msgs[i].data, len, 0))
            wrong(i, "it was refused and its data is not all zeros");
        if (spoilt && spoil_of(i) == SPOIL_TAG)
            flip(msgs[i].tag, wants[i].spoil & 0xffffff);
        tag += len;
        if (!same(msgs[i].tag, tag, GCM_TAG_LEN))
            wrong(i, "open changed the tag");
        tag += GCM_TAG_LEN;
    }
    if (num_bad != num)
        wrong(0, "open returned %zu where %zu do not verify", num_bad, num);
}

/* spoil flips the bits that the burst asks for, and returns how many. */
static size_t spoil(struct gcm_msg *msgs)
{
    size_t num = 0;

    for (size_t i = 0; i < num_msgs; i++) {
        uint32_t bit = wants[i].spoil & 0xffffff;
        enum spoil which = spoil_of(i);
        uint8_t *p = which == SPOIL_TAG    ? msgs[i].tag
                     : which == SPOIL_AAD  ? (uint8_t *)msgs[i].aad
                     : which == SPOIL_DATA ? msgs[i].data
                     : which == SPOIL_IV   ? msgs[i].iv
                                           : NULL;
        if (p != NULL) {
            flip(p, bit);
            num++;
        }
    }
    return num;
}

static void run_burst(const struct gcm_key *key)
{
    static struct gcm_msg before[MAX_MSGS];
    struct gcm_msg *msgs = lay_out();

    memcpy(before, msgs, num_msgs * sizeof *msgs);
    phase = "seal";
    fill(msgs, 0);
    gcm_seal(key, msgs, num_msgs);
    check_sealed(msgs);
    untouched(msgs, before, 0);

    phase = "open";
    fill(msgs, 1);
    check_opened(msgs, gcm_open(key, msgs, num_msgs), 0);
    untouched(msgs, before, 0);

    phase = "open what is spoilt";
    fill(msgs, 1);
    if (spoil(msgs) == 0)
        return;
    memcpy(before, msgs, num_msgs * sizeof *msgs);
    check_opened(msgs, gcm_open(key, msgs, num_msgs), 1);
    untouched(msgs, before, 1);
}

/* ---- Stdin ------------------------------------------------------------------------------------------------------- */

static void take(void *p, size_t len)
{
    if (len > 0 && fread(p, 1, len, stdin) != len)
        malformed("the input ends in the middle");
}

static uint32_t take_number(void)
{
    uint8_t p[4];

    take(p, sizeof p);
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void take_pool(void)
{
    pool_len = take_number();
    free(pool);
    pool = malloc(pool_len + GCM_TAG_LEN);
    if (pool == NULL)
        malformed("no memory");
    take(pool, pool_len);
}

/* take_key expands the key for each implementation; its octets end, or for every other key begin, at a page. */
static void take_key(void)
{
    static unsigned turn;
    uint32_t len = take_number();
    uint8_t *octets;

    if (len != 16 && len != 32)
        malformed("a key of neither 16 nor 32 octets");
    arena_want(&key_arena, 1, 4096);
    octets = arena_slot(&key_arena, 0) + (turn++ % 2 ? 0 : key_arena.slot_len - len);
    take(octets, len);
    for (size_t k = 0; k < num_impls; k++) {
        gcm_key_free(keys[k]);
        keys[k] = gcm_key_new(impls[k], octets, len);
        if (keys[k] == NULL)
            malformed("a key could not be made");
    }
}

static void take_block(void)
{
    uint8_t octets[32], out[16];

    take(octets, sizeof octets);
    num_msgs = 0;
    phase = "one block";
    for (size_t k = 0; k < num_impls; k++) {
        impl_name = impls[k]->name;
        gcm_encrypt_block(keys[k], out, octets);
        if (memcmp(out, octets + 16, sizeof out) != 0)
            wrong(0, "AES is wrong");
    }
}

static void take_message(struct want *want, size_t *len)
{
    want->aad_at = take_number();
    want->aad_len = take_number();
    want->data_at = take_number();
    want->data_len = take_number();
    want->spoil = take_number();
    take(want->iv, sizeof want->iv);
    if (want->aad_at > pool_len || want->aad_len > pool_len - want->aad_at || want->data_at > pool_len ||
        want->data_len > pool_len - want->data_at)
        malformed("a message beyond the pool");
    const uint64_t ends[] = {1, 8 * GCM_TAG_LEN, 8ull * want->aad_len, 8ull * want->data_len, 8 * GCM_IV_LEN, 1};
    if (want->spoil >> 24 > REFUSE || (want->spoil & 0xffffff) >= ends[want->spoil >> 24])
        malformed("a bit to spoil that the message does not have");
    *len += (size_t)want->data_len + GCM_TAG_LEN;
}

static void take_burst(void)
{
    size_t len = 0;

    if (pool == NULL)
        malformed("a burst before any pool");
    num_msgs = take_number();
    take(&layout, sizeof layout);
    if (num_msgs == 0 || num_msgs > MAX_MSGS || layout.place > PACKED || layout.joined > 3)
        malformed("a burst that cannot be");
    for (size_t i = 0; i < num_msgs; i++) {
        take_message(&wants[i], &len);
        num_octets += wants[i].aad_len + wants[i].data_len;
    }
    if (len > results_room) {
        free(results);
        results = malloc(len);
        results_room = len;
        if (results == NULL)
            malformed("no memory");
    }
    take(results, len);
    for (size_t k = 0; k < num_impls; k++) {
        if (keys[k] == NULL)
            malformed("a burst before any key");
        impl_name = impls[k]->name;
        run_burst(keys[k]);
    }
    num_bursts++;
    num_checked += num_msgs;
}

/* ---- Main -------------------------------------------------------------------------------------------------------- */

/* on_fault says which message was being touched when a page was hit that may not be, and ends the program by the same
 * signal. Not all that it calls is meant for a signal handler; there is nothing to lose. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    const uint8_t *p = info->si_addr;

    (void)context;
    signal(number, SIG_DFL);
    printf("%s: burst %lu (of %zu messages), place %d, joined %d, %s: touched %p", impl_name, num_bursts, num_msgs,
           layout.place, layout.joined, phase, (const void *)p);
    for (size_t k = 0; k < num_pieces; k++) {
        const struct piece *piece = &pieces[k];
        if (p >= piece->end && p < piece->end + 4096)
            printf(", %zu octets behind the end of piece %zu of the burst", (size_t)(p - piece->end), k);
        if (p < piece->start && p + 4096 >= piece->start)
            printf(", %zu octets before piece %zu of the burst", (size_t)(piece->start - p), k);
    }
    printf("\n");
    fflush(stdout);
    raise(number);
}

static int list(void)
{
    for (size_t i = 0; i < gcm_num_impls(); i++) {
        const struct gcm_impl_status *status = gcm_impl_status(i);
        printf("%s\t%s\n", status->impl->name, status->why_not == NULL ? "usable" : status->why_not);
    }
    return 0;
}

static void choose(const char *name)
{
    const char *why_not = name == NULL ? NULL : "not in this build";

    for (size_t i = 0; i < gcm_num_impls(); i++) {
        const struct gcm_impl_status *status = gcm_impl_status(i);
        if (name != NULL && strcmp(name, status->impl->name) != 0)
            continue;
        why_not = status->why_not;
        if (name != NULL && why_not != NULL && status->num_failed > 0) {
            fprintf(stderr, "gcm_cases: %s failed %d of its %d known answers; running it all the same\n", name,
                    status->num_failed, status->num_tests);
            why_not = NULL;
        }
        if (why_not == NULL && num_impls < MAX_IMPLS)
            impls[num_impls++] = status->impl;
    }
    if (name != NULL && why_not != NULL) {
        fprintf(stderr, "gcm_cases: %s: %s\n", name, why_not);
        exit(77);
    }
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    int kind;

    if (argc == 2 && strcmp(argv[1], "--list") == 0)
        return list();
    if (argc == 1)
        choose(NULL);
    for (int i = 1; i < argc; i++)
        choose(argv[i]);
    if (num_impls == 0)
        malformed("no implementation is usable");
#if !defined(__SANITIZE_ADDRESS__) /* which has a handler of its own, and says more */
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
#endif
    setvbuf(stdin, NULL, _IOFBF, 1 << 18);
    while ((kind = getchar()) != EOF) {
        if (kind == 'P')
            take_pool();
        else if (kind == 'K')
            take_key();
        else if (kind == 'E')
            take_block();
        else if (kind == 'B')
            take_burst();
        else
            malformed("no such record");
    }
    for (size_t k = 0; k < num_impls; k++)
        gcm_key_free(keys[k]);
    finish();
}

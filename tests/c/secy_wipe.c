/* secy_wipe.c - looks for a SAK in all memory of its own process.
 *
 * With AES-NI the first round keys are the key itself, so an installed SAK can be seen in memory; once it is retired,
 * or the SecY freed, it must be gone, and with it what refused frames held, of a burst of one or of many. The pattern
 * to look for is kept in a masked form, so that the search does not find itself.
 *
 *   secy_wipe MODE IMPL     MODE: installed | retired | freed | refused
 *
 * Prints how often the pattern was found. Exit 0; 2 if something went wrong; 77 if IMPL cannot be used. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pysec.h"

#define MASK 0xa5
#define MAX_MAPPING (1ul << 30)

static const uint8_t PATTERN[16] = {0x11 ^ MASK, 0x9c ^ MASK, 0x3e ^ MASK, 0x57 ^ MASK, 0x82 ^ MASK, 0xe4 ^ MASK,
                                    0x0b ^ MASK, 0xd6 ^ MASK, 0x48 ^ MASK, 0xf1 ^ MASK, 0x2a ^ MASK, 0x6d ^ MASK,
                                    0xb3 ^ MASK, 0x75 ^ MASK, 0xca ^ MASK, 0x90 ^ MASK};

static void unmask(uint8_t out[16])
{
    for (int i = 0; i < 16; i++)
        out[i] = PATTERN[i] ^ MASK;
}

static void forget(volatile uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        p[i] = 0;
}

static int is_pattern(const volatile uint8_t *p)
{
    for (int i = 0; i < 16; i++)
        if ((p[i] ^ MASK) != PATTERN[i])
            return 0;
    return 1;
}

/* search counts the pattern in every writable mapping but the stack below this frame. */
static int search(void)
{
    char line[512];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    if (!maps)
        exit(2);
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        char access[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, access) != 3 || access[0] != 'r' || access[1] != 'w')
            continue;
        if (to - from > MAX_MAPPING) /* somebody's reserve of addresses, not our heap */
            continue;
        for (unsigned long p = from; p + 16 <= to; p++)
            found += is_pattern((const volatile uint8_t *)p);
    }
    fclose(maps);
    return found;
}

static __attribute__((noinline)) struct pysec_secy *install(const uint8_t *ki, const char *impl)
{
    struct pysec_config config;
    struct pysec_secy *secy = NULL;
    uint8_t sak[16];
    pysec_secy_defaults(&config);
    int error = pysec_secy_new(&secy, 0x525400000a010001, PYSEC_GCM_AES_128, &config, 4, impl, 7);
    if (error)
        exit(error == PYSEC_E_NOENT ? 77 : 2);
    unmask(sak);
    if (pysec_secy_install_sak(secy, ki, sak, 16, NULL, 0) || pysec_secy_create_receive_sc(secy, 0x020000000b010001) ||
        pysec_secy_create_receive_sa(secy, 0x020000000b010001, 0, ki, 1, 0) ||
        pysec_secy_enable_receive(secy, 0x020000000b010001, ki, 1))
        exit(2);
    forget(sak, sizeof sak);
    return secy;
}

#define SLOT 256
#define MAX_FRAMES 16

/* refuse seals frames that hold the pattern under some other key, spoils their ICVs, and has them refused, in one
 * burst. */
static __attribute__((noinline)) void refuse(const char *impl, uint32_t num)
{
    static uint8_t arena[MAX_FRAMES * SLOT];
    static struct pysec_frame frames[MAX_FRAMES];
    struct pysec_config config;
    struct pysec_secy *secy = NULL;
    uint8_t ki[16] = {9}, sak[16] = {1, 2, 3};
    pysec_secy_defaults(&config);
    if (pysec_secy_new(&secy, 0x020000000b010001, PYSEC_GCM_AES_128, &config, 4, impl, 7) ||
        pysec_secy_install_sak(secy, ki, sak, 16, NULL, 0) ||
        pysec_secy_create_transmit_sa(secy, 0, ki, 1, 0, 1, 0, 0) || pysec_secy_enable_transmit(secy, ki, 1) ||
        pysec_secy_create_receive_sc(secy, 0x020000000b010001) ||
        pysec_secy_create_receive_sa(secy, 0x020000000b010001, 0, ki, 1, 0) ||
        pysec_secy_enable_receive(secy, 0x020000000b010001, ki, 1))
        exit(2);
    for (uint32_t i = 0; i < num; i++) {
        uint32_t at = i * SLOT + 16;
        frames[i] = (struct pysec_frame){.offset = at, .len = 110, .slot = i * SLOT, .slot_len = SLOT};
        memcpy(arena + at + 6, "\x02\0\0\0\x0b\x01\x08\0", 8);
        unmask(arena + at + 40);
    }
    pysec_secy_protect(secy, arena, sizeof arena, frames, num);
    for (uint32_t i = 0; i < num; i++) {
        if (frames[i].verdict != PYSEC_V_OUT_ENCRYPTED)
            exit(2);
        arena[frames[i].offset + frames[i].len - 1] ^= 1;
    }
    pysec_secy_validate(secy, arena, sizeof arena, frames, num);
    for (uint32_t i = 0; i < num; i++)
        if (frames[i].verdict != PYSEC_V_IN_NOT_VALID)
            exit(2);
    pysec_secy_free(secy);
}

int main(int argc, char **argv)
{
    uint8_t ki[16] = {1};
    if (argc != 3)
        return 2;
    struct pysec_secy *secy = install(ki, argv[2]);
    if (strcmp(argv[1], "retired") == 0 && pysec_secy_retire(secy, ki))
        return 2;
    if (strcmp(argv[1], "freed") == 0 || strcmp(argv[1], "refused") == 0)
        pysec_secy_free(secy);
    if (strcmp(argv[1], "refused") == 0)
        for (uint32_t num = 1; num <= MAX_FRAMES; num += 5)
            refuse(argv[2], num);
    printf("%d\n", search());
    return 0;
}

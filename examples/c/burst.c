/* burst.c - protects a burst of frames with one SecY, validates it with another, and prints what became of each.
 *
 *   cc -o burst burst.c -I build/lib build/lib/libpysec.a -pthread
 */
#include <pysec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUM_FRAMES = 8, SLOT = 256, PAYLOAD = 100 };

static const uint8_t ki[PYSEC_KI_OCTETS] = "example key no 1";
static const uint64_t alice_sci = 0x0200000000010001, bob_sci = 0x0200000000020001;

static void must(int error)
{
    if (error < 0) {
        fprintf(stderr, "burst: %s\n", pysec_strerror(error));
        exit(1);
    }
}

static struct pysec_secy *station(uint64_t sci, const uint8_t sak[16])
{
    struct pysec_secy *secy;
    struct pysec_config config;
    pysec_secy_defaults(&config);
    must(pysec_secy_new(&secy, sci, PYSEC_GCM_AES_128, &config, 16, NULL, 1));
    must(pysec_secy_install_sak(secy, ki, sak, 16, NULL, 0));
    return secy;
}

int main(void)
{
    static uint8_t arena[NUM_FRAMES * SLOT];
    struct pysec_frame frames[NUM_FRAMES];
    uint8_t sak[16] = "not a secret key"; /* yours comes from key agreement, and is wiped once it is installed */
    struct pysec_secy *alice = station(alice_sci, sak), *bob = station(bob_sci, sak);

    must(pysec_secy_create_transmit_sa(alice, 0, ki, 1, 0, 1, 0, 0));
    must(pysec_secy_enable_transmit(alice, ki, 1));
    must(pysec_secy_create_receive_sc(bob, alice_sci));
    must(pysec_secy_create_receive_sa(bob, alice_sci, 0, ki, 1, 0));
    must(pysec_secy_enable_receive(bob, alice_sci, ki, 1));

    for (uint32_t i = 0; i < NUM_FRAMES; i++) { /* a frame lies in its slot behind room for the SecTAG */
        uint8_t *frame = arena + i * SLOT + PYSEC_HEADROOM;
        memcpy(frame, "\2\0\0\0\0\2\2\0\0\0\0\1\x88\xb5", 14); /* from alice to bob */
        memset(frame + 14, 'a' + (int)i, PAYLOAD);
        frames[i] = (struct pysec_frame){.offset = i * SLOT + PYSEC_HEADROOM, .len = 14 + PAYLOAD};
        frames[i].slot = i * SLOT;
        frames[i].slot_len = SLOT;
    }
    must(pysec_secy_protect(alice, arena, sizeof arena, frames, NUM_FRAMES));
    arena[frames[5].offset + 40] ^= 1; /* somebody on the wire changes one bit of one frame */
    must(pysec_secy_validate(bob, arena, sizeof arena, frames, NUM_FRAMES));

    for (int i = 0; i < NUM_FRAMES; i++) {
        struct pysec_verdict_info info;
        must(pysec_verdict_get_info(&info, frames[i].verdict));
        printf("pn %llu: %s, %u octets, payload %c\n", (unsigned long long)frames[i].pn, info.name, frames[i].len,
               info.delivered ? arena[frames[i].offset + 14] : '-');
    }
    pysec_secy_free(alice);
    pysec_secy_free(bob);
    return 0;
}

/* secy_walk.c - every suite with every option through both directions, each as one line with a digest of its octets.
 *
 * Frames, keys and packet numbers come from a small generator with a fixed seed, so two machines, two compilers or two
 * implementations of GCM must print the same lines. Exit status 1 if a frame does not come back as it was sent.
 * Whether the octets are right is for the vectors to say; this says that they are the same everywhere.
 */
#include <pysec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUM_FRAMES = 48, SLOT = 2048 };

static uint64_t state;

static uint32_t next_random(void)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33);
}

static void must(int error, const char *what)
{
    if (error == 0)
        return;
    fprintf(stderr, "secy_walk: %s: %s\n", what, pysec_strerror(error));
    exit(1);
}

/* FNV-1a: enough to tell two runs apart. */
static uint64_t digest(uint64_t h, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static void fill(uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)next_random();
}

struct walk {
    int suite, offset, confidentiality, vlans, form; /* form: 0 implicit, 1 ES, 2 SCB, 3 explicit SCI */
};

static struct pysec_secy *station(const struct walk *w, uint64_t sci, const uint8_t ki[16], const uint8_t sak[32],
                                  const uint8_t salt[12])
{
    struct pysec_config config;
    struct pysec_secy *secy;
    pysec_secy_defaults(&config);
    config.vlan_tags_in_clear = (uint8_t)w->vlans;
    config.use_es = w->form == 1;
    config.use_scb = w->form == 2;
    config.always_include_sci = w->form == 3;
    must(pysec_secy_new(&secy, sci, w->suite, &config, 4, NULL, 1), "new");
    int xpn = w->suite >= PYSEC_GCM_AES_XPN_128;
    must(pysec_secy_install_sak(secy, ki, sak, w->suite & 1 ? 32 : 16, xpn ? salt : NULL, (uint32_t)w->offset), "SAK");
    return secy;
}

static void walk(const struct walk *w)
{
    static uint8_t arena[NUM_FRAMES * SLOT], sent[NUM_FRAMES][SLOT];
    static const uint8_t vlan_tags[8] = {0x88, 0xa8, 0, 8, 0x81, 0, 0, 7};
    struct pysec_frame frames[NUM_FRAMES];
    uint32_t lens[NUM_FRAMES];
    uint8_t ki[16], sak[32], salt[12];
    uint64_t sci = w->form == 2 ? 0x0200000000010000 : 0x0200000000010001;
    uint64_t pn = w->suite >= PYSEC_GCM_AES_XPN_128 ? UINT64_C(0xffffffe0) : 1;

    state = 1;
    fill(ki, sizeof ki);
    fill(sak, sizeof sak);
    fill(salt, sizeof salt);
    struct pysec_secy *a = station(w, sci, ki, sak, salt);
    struct pysec_secy *b = station(w, 0x0200000000020000 | (sci & 1), ki, sak, salt);
    must(pysec_secy_create_transmit_sa(a, 1, ki, pn, 1, w->confidentiality, 0, 0), "transmit SA");
    must(pysec_secy_enable_transmit(a, ki, 1), "enable");
    must(pysec_secy_create_receive_sc(b, sci), "receive SC");
    must(pysec_secy_create_receive_sa(b, sci, 1, ki, pn, 1), "receive SA");
    must(pysec_secy_enable_receive(b, sci, ki, 1), "enable");

    for (uint32_t i = 0; i < NUM_FRAMES; i++) {
        uint8_t *frame = arena + i * SLOT + PYSEC_HEADROOM;
        lens[i] = 15 + (i < 24 ? i * 4 : next_random() % 1500);
        fill(frame, lens[i]);
        memcpy(frame, "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0", 14);
        if (i % 3 && lens[i] >= 23)
            memcpy(frame + 12, vlan_tags + (i % 3 == 1 ? 4 : 0), i % 3 == 1 ? 4 : 8);
        memcpy(sent[i], frame, lens[i]);
        frames[i] = (struct pysec_frame){.offset = i * SLOT + PYSEC_HEADROOM, .len = lens[i]};
        frames[i].slot = i * SLOT;
        frames[i].slot_len = SLOT;
    }
    must(pysec_secy_protect(a, arena, sizeof arena, frames, NUM_FRAMES), "protect");
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < NUM_FRAMES; i++)
        h = digest(h, arena + frames[i].offset, frames[i].len);
    must(pysec_secy_validate(b, arena, sizeof arena, frames, NUM_FRAMES), "validate");
    for (int i = 0; i < NUM_FRAMES; i++)
        if (frames[i].verdict != PYSEC_V_IN_OK || frames[i].len != lens[i] ||
            memcmp(arena + frames[i].offset, sent[i], lens[i]) != 0 || frames[i].pn != pn + (uint64_t)i) {
            fprintf(stderr, "secy_walk: frame %d does not come back, verdict %d\n", i, frames[i].verdict);
            exit(1);
        }
    printf("suite %d offset %d confidentiality %d vlans %d form %d: %016llx\n", w->suite, w->offset, w->confidentiality,
           w->vlans, w->form, (unsigned long long)h);
    pysec_secy_free(a);
    pysec_secy_free(b);
}

int main(void)
{
    static const int offsets[] = {0, 30, 50};
    struct walk w;
    for (w.suite = 0; w.suite < 4; w.suite++)
        for (int o = 0; o < (w.suite < PYSEC_GCM_AES_XPN_128 ? 3 : 1); o++)
            for (w.confidentiality = 0; w.confidentiality < 2; w.confidentiality++)
                for (w.vlans = 0; w.vlans < 3; w.vlans++)
                    for (w.form = 0; w.form < 4; w.form++) {
                        w.offset = offsets[o];
                        walk(&w);
                    }
    return 0;
}

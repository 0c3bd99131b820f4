/* standalone.c - runs a fuzz target over files, so that the corpus is also a test where there is no libFuzzer. */
#include "fuzz.h"

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL) {
            perror(argv[i]);
            return 2;
        }
        /* Exactly as large as the input, so that AddressSanitizer sees the first octet read too many. */
        static uint8_t input[1 << 16];
        size_t size = fread(input, 1, sizeof input, file);
        fclose(file);
        uint8_t *exact = malloc(size ? size : 1);
        if (exact == NULL)
            return 2;
        for (size_t j = 0; j < size; j++)
            exact[j] = input[j];
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
    }
    printf("%d inputs\n", argc - 1);
    return 0;
}

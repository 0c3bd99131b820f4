/* residence_cases.c - for each time in ns on stdin (8 octets, the machine's order) its bucket on stdout (4 octets). */
#include <stdint.h>
#include <stdio.h>

#include "port/residence.h"

int main(void)
{
    uint64_t ns;

    while (fread(&ns, sizeof(ns), 1, stdin) == 1) {
        uint32_t bucket = residence_bucket(ns);

        if (fwrite(&bucket, sizeof(bucket), 1, stdout) != 1)
            return 1;
    }
    return 0;
}

/* gcm_hwcap.c - gcm_kat.c on an arm64 machine that reports the features HWCAP (-DHWCAP=...) and no more.
 *
 * Every CPU that qemu models has AES and PMULL, so what becomes of one without them is tried like this.
 */
#include <sys/auxv.h>

#include "gcm_kat.c"

unsigned long getauxval(unsigned long type)
{
    return type == AT_HWCAP ? HWCAP : 0;
}

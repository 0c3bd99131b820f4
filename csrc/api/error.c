#include "../pysec.h"

const char *pysec_strerror(int error)
{
    switch (error) {
    case 0:
        return "success";
    case PYSEC_E_INVAL:
        return "an argument is out of its range, or two do not go together";
    case PYSEC_E_NOMEM:
        return "no memory";
    case PYSEC_E_NOENT:
        return "no such SAK, SC, SA or implementation";
    case PYSEC_E_EXIST:
        return "it exists already, with other properties";
    case PYSEC_E_KI_REUSED:
        return "the key identifier was used with another SAK, or the SAK under another key identifier";
    case PYSEC_E_PN_USED:
        return "packet numbers asked for may have been used with this key already";
    case PYSEC_E_FULL:
        return "the configured number is reached";
    case PYSEC_E_SSCI:
        return "another SCI has this SSCI with the same SAK";
    case PYSEC_E_UNSUPPORTED:
        return "this machine cannot do it";
    case PYSEC_E_SYS:
        return "a system call failed";
    case PYSEC_E_BUSY:
        return "it is in use";
    default:
        return "unknown error";
    }
}

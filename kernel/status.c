/*
 * A sentence for each status. Pure.
 */
#include <ferrite/base.h>

const char *fe_status_string(fe_status status) {
    switch (status) {
    case FE_OK:
        return "success";
    case FE_ENOMEM:
        return "out of memory";
    case FE_EINVAL:
        return "argument out of range";
    case FE_ECLOSED:
        return "closed";
    case FE_EAGAIN:
        return "would block";
    case FE_ETIMEDOUT:
        return "timed out";
    case FE_ENOENT:
        return "no such thing";
    case FE_ECONTEXT:
        return "not allowed in this context";
    case FE_EIO:
        return "device error";
    case FE_ENOTSUP:
        return "not supported";
    case FE_EBUSY:
        return "busy";
    case FE_EKILLED:
        return "killed";
    case FE_EPARSE:
        return "malformed";
    }
    return "unknown status";
}

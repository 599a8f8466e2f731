/*
 * fe_format: snprintf without a C library, and without floating point.
 *
 * Pure: it reads only its arguments and writes only the buffer, so it runs in every context (interrupt handlers and
 * panics included) and on the host under tests/unit. Its cost is proportional to what fits the buffer, not to the
 * widths asked for: padding that falls outside is counted, not written.
 *
 * A conversion that it does not know is printed as it stands in the format and takes no argument, so that the mistake
 * shows in the output. The compiler's format check catches it first wherever the format is a literal.
 *
 * The format and the texts are often a program's, and so may be its mistakes: a fault here ends the task (arch/lenient.h).
 *
 * Rejected: a callback per character (one indirect call each, and callers then want a buffer anyway).
 */
#define FE_LENIENT_UNIT "format"
#include <arch/lenient.h>
#include <ferrite/io.h>

#define INT_MAX __INT_MAX__

struct output {
    char *buffer;
    size_t size;   /* of buffer, its terminator included */
    size_t length; /* produced so far, whether or not it fitted */
};

struct conversion {
    bool left, zero, plus, space, alternate;
    size_t width;
    size_t precision;
    bool has_precision;
    enum length { LENGTH_CHAR, LENGTH_SHORT, LENGTH_INT, LENGTH_LONG, LENGTH_SIZE, LENGTH_MAX, LENGTH_POINTER } length;
};

static FE_LENIENT_INLINE void put(struct output *out, char c) {
    if (out->length + 1 < out->size)
        out->buffer[out->length] = c;
    out->length++;
}

static FE_LENIENT void pad(struct output *out, char c, size_t count) {
    while (count > 0 && out->length + 1 < out->size) {
        put(out, c);
        count--;
    }
    out->length += count;
}

static FE_LENIENT void put_bytes(struct output *out, const char *text, size_t bytes) {
    size_t room = out->length + 1 < out->size ? out->size - 1 - out->length : 0;
    size_t fit = bytes < room ? bytes : room;
    if (fit != 0) {
        char *to = out->buffer + out->length;
        do
            *to++ = *text++;
        while (--fit != 0);
    }
    out->length += bytes;
}

/* Text padded to the width; shared by %s and %c. */
static FE_LENIENT void put_padded(struct output *out, const struct conversion *how, const char *text, size_t bytes) {
    size_t padding = how->width > bytes ? how->width - bytes : 0;
    if (!how->left)
        pad(out, ' ', padding);
    put_bytes(out, text, bytes);
    if (how->left)
        pad(out, ' ', padding);
}

/* `negative` and `value` are the number's sign and magnitude; `base` is 8, 10 or 16. */
static FE_LENIENT void put_number(struct output *out, const struct conversion *how, uint64_t value, bool negative,
                                  unsigned base, bool is_signed, bool upper) {
    const char *digit = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char digits[24]; /* 22 octal digits hold 64 bits */
    size_t count = 0;
    char prefix[2];
    size_t prefix_bytes = 0;

    for (uint64_t rest = value; rest != 0; rest /= base)
        digits[count++] = digit[rest % base];
    if (count == 0 && !(how->has_precision && how->precision == 0))
        digits[count++] = '0';

    if (is_signed && (negative || how->plus || how->space))
        prefix[prefix_bytes++] = negative ? '-' : how->plus ? '+' : ' ';
    if (base == 16 && how->alternate && value != 0) {
        prefix[prefix_bytes++] = '0';
        prefix[prefix_bytes++] = upper ? 'X' : 'x';
    }

    size_t zeros = how->has_precision && how->precision > count ? how->precision - count : 0;
    if (base == 8 && how->alternate && zeros == 0 && (count == 0 || digits[count - 1] != '0'))
        zeros = 1;
    size_t bytes = prefix_bytes + zeros + count;
    size_t padding = how->width > bytes ? how->width - bytes : 0;
    if (how->zero && !how->left && !how->has_precision) {
        zeros += padding;
        padding = 0;
    }
    if (!how->left)
        pad(out, ' ', padding);
    put_bytes(out, prefix, prefix_bytes);
    pad(out, '0', zeros);
    while (count > 0)
        put(out, digits[--count]);
    if (how->left)
        pad(out, ' ', padding);
}

/* A decimal number at *text, held at INT_MAX (beyond any real width). */
static FE_LENIENT size_t parse_count(const char **text) {
    size_t value = 0;
    while (**text >= '0' && **text <= '9') {
        value = value * 10 + (size_t)(**text - '0');
        if (value > INT_MAX)
            value = INT_MAX;
        (*text)++;
    }
    return value;
}

static FE_LENIENT const char *parse_length(const char *at, enum length *length) {
    *length = LENGTH_INT;
    switch (*at) {
    case 'h':
        *length = at[1] == 'h' ? LENGTH_CHAR : LENGTH_SHORT;
        return at + (at[1] == 'h' ? 2 : 1);
    case 'l':
        *length = LENGTH_LONG; /* long and long long are one size on every port */
        return at + (at[1] == 'l' ? 2 : 1);
    case 'z':
        *length = LENGTH_SIZE;
        return at + 1;
    case 'j':
        *length = LENGTH_MAX;
        return at + 1;
    case 't':
        *length = LENGTH_POINTER;
        return at + 1;
    default:
        return at;
    }
}

_Static_assert(sizeof(long) == 8 && sizeof(long long) == 8 && sizeof(size_t) == 8 && sizeof(ptrdiff_t) == 8,
               "an argument of every length but int is fetched as 64 bits");

FE_LENIENT int fe_format_v(char *buffer, size_t size, const char *format, va_list arguments) {
    struct output out = {.buffer = buffer, .size = size, .length = 0};
    va_list list;
    va_copy(list, arguments);

    for (const char *at = format; *at != '\0';) {
        const char *start = at;
        while (*at != '%' && *at != '\0')
            at++;
        if (at != start) {
            put_bytes(&out, start, (size_t)(at - start));
            continue;
        }
        at++;
        struct conversion how = {0};
        for (bool more = true; more;) {
            switch (*at) {
            case '-':
                how.left = true;
                at++;
                break;
            case '0':
                how.zero = true;
                at++;
                break;
            case '+':
                how.plus = true;
                at++;
                break;
            case ' ':
                how.space = true;
                at++;
                break;
            case '#':
                how.alternate = true;
                at++;
                break;
            default:
                more = false;
            }
        }
        if (*at == '*') {
            int width = va_arg(list, int);
            how.left = how.left || width < 0;
            how.width = (size_t)(width < 0 ? -(int64_t)width : width);
            at++;
        } else {
            how.width = parse_count(&at);
        }
        if (*at == '.') {
            at++;
            how.has_precision = true;
            if (*at == '*') {
                int precision = va_arg(list, int);
                how.has_precision = precision >= 0;
                how.precision = precision >= 0 ? (size_t)precision : 0;
                at++;
            } else {
                how.precision = parse_count(&at);
            }
        }
        at = parse_length(at, &how.length);

        switch (*at) {
        case 'd':
        case 'i': {
            int64_t value = how.length <= LENGTH_INT ? va_arg(list, int) : va_arg(list, int64_t);
            if (how.length == LENGTH_CHAR)
                value = (signed char)value;
            else if (how.length == LENGTH_SHORT)
                value = (short)value;
            put_number(&out, &how, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0, 10, true, false);
            break;
        }
        case 'u':
        case 'o':
        case 'x':
        case 'X': {
            uint64_t value = how.length <= LENGTH_INT ? va_arg(list, unsigned) : va_arg(list, uint64_t);
            if (how.length == LENGTH_CHAR)
                value = (unsigned char)value;
            else if (how.length == LENGTH_SHORT)
                value = (unsigned short)value;
            put_number(&out, &how, value, false, *at == 'u' ? 10 : *at == 'o' ? 8 : 16, false, *at == 'X');
            break;
        }
        case 'p': {
            how.alternate = true;
            how.has_precision = false;
            uint64_t value = (uint64_t)(uintptr_t)va_arg(list, void *);
            if (value == 0)
                put_padded(&out, &how, "0x0", 3);
            else
                put_number(&out, &how, value, false, 16, false, false);
            break;
        }
        case 'c': {
            char c = (char)va_arg(list, int);
            put_padded(&out, &how, &c, 1);
            break;
        }
        case 's': {
            const char *text = va_arg(list, const char *);
            if (text == NULL)
                text = "(null)";
            size_t bytes = 0, most = how.has_precision ? how.precision : SIZE_MAX;
            while (bytes < most && text[bytes] != '\0')
                bytes++;
            put_padded(&out, &how, text, bytes);
            break;
        }
        case '%':
            put(&out, '%');
            break;
        case '\0': /* the format ends inside a conversion: show what there is of it */
            put_bytes(&out, start, (size_t)(at - start));
            continue;
        default:
            put_bytes(&out, start, (size_t)(at + 1 - start));
        }
        at++;
    }
    va_end(list);
    if (size > 0)
        buffer[out.length < size ? out.length : size - 1] = '\0';
    return out.length > INT_MAX ? INT_MAX : (int)out.length;
}

int fe_format(char *buffer, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = fe_format_v(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}

/*
 * The programs that the image holds besides its main one: FE_PROGRAM puts a pointer to each into a section of its own,
 * whose ends the linker script names. They come in link order and are offered in the order of their names, which costs
 * a scan per look-up and needs neither memory nor a moment at boot to sort them.
 */
#include <ferrite/program.h>

extern const struct fe_program *const fe_programs_start[], *const fe_programs_end[];

static size_t count(void) {
    return (size_t)((uintptr_t)fe_programs_end - (uintptr_t)fe_programs_start) / sizeof(fe_programs_start[0]);
}

size_t fe_program_count(void) {
    return count();
}

/* How many programs come before the one at `index`; of two with one name the first linked comes first. */
static size_t rank(size_t index) {
    size_t before = 0;
    for (size_t i = 0; i < count(); i++) {
        int order = __builtin_strcmp(fe_programs_start[i]->name, fe_programs_start[index]->name);
        before += order < 0 || (order == 0 && i < index);
    }
    return before;
}

const struct fe_program *fe_program_at(size_t index) {
    for (size_t i = 0; i < count(); i++)
        if (rank(i) == index)
            return fe_programs_start[i];
    return NULL;
}

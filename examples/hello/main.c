/*
 * The smallest program: it runs as the main task, prints a line and leaves with status 0. README.md walks through it.
 */
#include <ferrite/ferrite.h>

int fe_main(int argc, char **argv) {
    fe_print("Hello from Ferrite: core %u of %u", fe_core_index(), fe_core_count());
    for (int i = 1; i < argc; i++)
        fe_print("%s%s", i == 1 ? "; you said: " : " ", argv[i]);
    fe_print("\n");
    return 0;
}

FE_PROGRAM(hello, "print a greeting and the words given", fe_main);

/*
 * main() of every program that is built for the simulation. The machine is booted once, up to the program's fe_main; from there
 * on each run is a fork of the process, with its own seed: a run begins in an instant, and always in the same state.
 *
 *     sim.elf [-smp CORES] [-m SIZE] [-append "settings"] [--seeds FIRST:COUNT:STRIDE] [--program NAME] [--twice] [--shrink]
 *             [--trace] [--limit STEPS] [-- words of the program]
 *
 * Words of the program: it is run with them, once a seed. None: every program that the image lists (fe_sim_programs) is.
 * A run that fails is told with the command that repeats it, its output, and where each core and task stood; --shrink then leaves
 * out choices as long as it fails the same way, and prints those that are left. --twice runs each seed twice and compares the
 * hashes of the two traces. Exit status: 0, or 1 if a run failed, or 2.
 */
#define _GNU_SOURCE
#include <arch/sim/sim.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT UINT64_C(40000000)
#define SECONDS 60 /* of real time: for a run that does not even step */
#define SHRINK_RUNS 3000
#define CHOICES_SHOWN 100
#define STACK ((size_t)256 << 10)

/* The programs of the image, NULL last. Images of one program have none. */
extern const char *const fe_sim_programs[] __attribute__((weak));
int __real_fe_main(int argc, char **argv);
int __wrap_fe_main(int argc, char **argv);

static struct {
    unsigned cores;
    uint64_t first, count, stride, limit;
    const char *program;
    bool twice, shrink, trace, keep_going, quiet;
} options = {.cores = 4, .first = 1, .count = 1, .stride = 1, .limit = LIMIT};

static struct fe_sim_result *result;

/* One run -------------------------------------------------------------------------------------------------------- */

struct words {
    int argc;
    char **argv;
};

/*
 * The runner has a stack of its own, so that nothing that it does is left on the main task's: each child finds that as it was when
 * fe_main was called, and goes on there.
 */
static struct fe_arch_context runner, main_task;
static struct {
    struct fe_sim_plan plan;
    struct words words;
} given;

static void run_once(const struct fe_sim_plan *plan, const struct words *words) {
    result->done = false;
    result->status = 0;
    result->hash = result->time = 0;
    result->count = 0;
    result->overflow = false;
    result->why[0] = 0;
    result->text_bytes = 0;
    fflush(NULL);
    pid_t process = fork();
    if (process < 0) {
        perror("fork");
        exit(2);
    }
    if (process == 0) {
        alarm(SECONDS);
        given.plan = *plan;
        given.words = *words;
        fe_arch_switch(&runner, &main_task, NULL);
        abort();
    }
    int status;
    while (waitpid(process, &status, 0) < 0 && errno == EINTR)
        ;
    if (!result->done) {
        result->status = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? 124 : 102;
        snprintf(result->why, sizeof result->why, "the run ended with %s %d\n",
                 WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
}

/* Telling --------------------------------------------------------------------------------------------------------- */

static void show(uint64_t seed, const char *program) {
    result->text[result->text_bytes] = 0;
    printf("seed %llu%s%s failed with status %d after %llu steps, %u choices, hash %016llx\n", (unsigned long long)seed,
           program ? " program " : "", program ? program : "", result->status, (unsigned long long)result->time,
           result->count, (unsigned long long)result->hash);
    printf("%s%s", result->why, result->text);
    fflush(stdout);
}

static void show_choices(const struct fe_sim_entry *entries, uint32_t count) {
    static const char *const kinds[] = {"switch",     "forced switch", "delayed store",    "late wake-up",
                                        "late timer", "stray wake-up", "failed allocation"};
    printf("choices (%u):\n", count);
    for (uint32_t i = 0; i < count && i < CHOICES_SHOWN; i++)
        printf("  %-18s at %-10llu %u\n", kinds[entries[i].kind], (unsigned long long)entries[i].ordinal, entries[i].value);
}

/* Shrinking ------------------------------------------------------------------------------------------------------- */

static struct fe_sim_entry kept[FE_SIM_ENTRIES], tried[FE_SIM_ENTRIES];

static void first_line(char *line, size_t bytes) {
    snprintf(line, bytes, "%.*s", (int)strcspn(result->why, "\n"), result->why);
}

/* Whether leaving out [from, from + count) of the choices fails the same way. */
static bool fails_without(uint64_t seed, const struct words *words, uint32_t all, uint32_t from, uint32_t count,
                          int status, const char *why) {
    memcpy(tried, kept, from * sizeof kept[0]);
    memcpy(tried + from, kept + from + count, (all - from - count) * sizeof kept[0]);
    struct fe_sim_plan plan = {.seed = seed, .replay = tried, .replay_count = all - count, .limit = options.limit};
    run_once(&plan, words);
    char line[256];
    first_line(line, sizeof line);
    return result->status == status && strncmp(line, why, 20) == 0;
}

/* Delta debugging: leaves out ever smaller parts of the list of choices. */
static void shrink(uint64_t seed, const struct words *words) {
    uint32_t all = result->count, runs = 0;
    memcpy(kept, result->entries, all * sizeof kept[0]);
    int status = result->status;
    char why[256];
    first_line(why, sizeof why);
    if (result->overflow) {
        printf("too many choices to shrink\n");
        return;
    }
    struct fe_sim_plan plan = {.seed = seed, .replay = kept, .replay_count = all, .limit = options.limit};
    run_once(&plan, words);
    if (result->status != status) {
        printf("the choices alone do not repeat it: status %d\n%s", result->status, result->why);
        for (uint32_t i = 0; i < all; i++)
            if (i >= result->count || memcmp(&kept[i], &result->entries[i], sizeof kept[i]) != 0) {
                printf("first difference:\n");
                show_choices(&kept[i], 3);
                show_choices(&result->entries[i], 3);
                break;
            }
        return;
    }
    for (uint32_t part = all / 2 ? all / 2 : 1; part >= 1 && runs < SHRINK_RUNS; part /= 2) {
        bool progress = true;
        while (progress && runs < SHRINK_RUNS) {
            progress = false;
            for (uint32_t from = 0; from < all && runs < SHRINK_RUNS;) {
                uint32_t count = part < all - from ? part : all - from;
                runs++;
                if (fails_without(seed, words, all, from, count, status, why)) {
                    memmove(kept + from, kept + from + count, (all - from - count) * sizeof kept[0]);
                    all -= count;
                    progress = true;
                } else {
                    from += count;
                }
            }
            if (part > 1)
                break;
        }
    }
    plan = (struct fe_sim_plan){.seed = seed, .replay = kept, .replay_count = all, .limit = options.limit};
    run_once(&plan, words);
    printf("shrunk to %u choices in %u runs:\n", all, runs);
    show_choices(kept, all);
    printf("with these:\n");
    show(seed, NULL);
}

/* All runs -------------------------------------------------------------------------------------------------------- */

static uint64_t total_runs, total_failed, all_hashes;

static void run_seed(uint64_t seed, const struct words *words, const char *program) {
    struct fe_sim_plan plan = {.seed = seed, .limit = options.limit};
    run_once(&plan, words);
    total_runs++;
    uint64_t hash = result->hash;
    all_hashes = (all_hashes ^ hash) * UINT64_C(0x9e3779b97f4a7c15);
    bool failed = result->status != 0;
    if (options.trace)
        printf("seed %llu %s hash %016llx steps %llu choices %u status %d\n", (unsigned long long)seed,
               program ? program : "", (unsigned long long)hash, (unsigned long long)result->time, result->count,
               result->status);
    if (options.twice && !failed) {
        run_once(&plan, words);
        if (result->hash != hash) {
            printf("seed %llu: two runs differ: %016llx and %016llx\n", (unsigned long long)seed,
                   (unsigned long long)hash, (unsigned long long)result->hash);
            failed = true;
        }
    }
    if (!failed)
        return;
    total_failed++;
    show(seed, program);
    if (options.shrink && result->status != 0)
        shrink(seed, words);
}

static struct words boot_words;

static FE_NORETURN void run_all(void *unused) {
    (void)unused;
    int argc = boot_words.argc;
    char **argv = boot_words.argv;
    for (uint64_t n = 0; n < options.count; n++) {
        uint64_t seed = options.first + n * options.stride;
        if (argc > 1 || !fe_sim_programs) {
            run_seed(seed, &(struct words){argc, argv}, NULL);
        } else {
            for (size_t i = 0; fe_sim_programs[i]; i++) {
                if (options.program && strcmp(options.program, fe_sim_programs[i]) != 0)
                    continue;
                char *words[] = {argv[0], (char *)(uintptr_t)fe_sim_programs[i], NULL};
                run_seed(seed, &(struct words){2, words}, fe_sim_programs[i]);
                if (total_failed && !options.keep_going)
                    break;
            }
        }
        if (total_failed && !options.keep_going)
            break;
    }
    if (!options.quiet)
        printf("%llu runs, %llu failed, hash %016llx\n", (unsigned long long)total_runs,
               (unsigned long long)total_failed, (unsigned long long)all_hashes);
    exit(total_failed ? 1 : 0);
}

/* In place of the program's fe_main. Goes on in each child, as the main task. */
int __wrap_fe_main(int argc, char **argv) {
    static unsigned char stack[STACK] __attribute__((aligned(64)));
    boot_words = (struct words){argc, argv};
    fe_arch_context_make(&runner, stack + sizeof stack, run_all);
    fe_arch_switch(&main_task, &runner, NULL);
    fe_sim_begin(&given.plan, result);
    return __real_fe_main(given.words.argc, given.words.argv);
}

static uint64_t number(const char *text, char **end) {
    uint64_t value = strtoull(text, end, 0);
    if (*end == text) {
        fprintf(stderr, "%s: a number is wanted\n", text);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv) {
    static char line[2048] = "log=error leaks=fail console=pipe ";
    static struct fe_sim_boot boot = {.memory_bytes = UINT64_C(64) << 20, .command_line = line};
    int at = 1;
    for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
        const char *option = argv[at];
        if (strcmp(option, "--twice") == 0) {
            options.twice = true;
        } else if (strcmp(option, "--shrink") == 0) {
            options.shrink = true;
        } else if (strcmp(option, "--trace") == 0) {
            options.trace = true;
        } else if (strcmp(option, "--keep-going") == 0) {
            options.keep_going = true;
        } else if (at + 1 == argc) {
            fprintf(stderr, "%s: no such option, or its value is missing; see the top of runner.c\n", option);
            return 2;
        } else {
            char *end, *value = argv[++at];
            if (strcmp(option, "-append") == 0) {
                strncat(line, value, sizeof line - strlen(line) - 2);
                strcat(line, " ");
            } else if (strcmp(option, "--program") == 0) {
                options.program = value;
            } else if (strcmp(option, "-smp") == 0) {
                options.cores = (unsigned)number(value, &end);
            } else if (strcmp(option, "-m") == 0) {
                boot.memory_bytes = number(value, &end) << 20;
            } else if (strcmp(option, "--limit") == 0) {
                options.limit = number(value, &end);
            } else if (strcmp(option, "--seeds") == 0) {
                options.first = number(value, &end);
                options.count = *end ? number(end + 1, &end) : 1;
                options.stride = *end ? number(end + 1, &end) : 1;
            } else {
                fprintf(stderr, "%s: no such option; see the top of runner.c\n", option);
                return 2;
            }
        }
    }
    if (at < argc) {
        strcat(line, "--");
        for (at++; at < argc; at++) {
            strncat(line, " ", sizeof line - strlen(line) - 2);
            strncat(line, argv[at], sizeof line - strlen(line) - 2);
        }
    }
    boot.cores = options.cores;
    result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (result == MAP_FAILED || !fe_sim_memory(boot.memory_bytes)) {
        fprintf(stderr, "Linux does not give the memory\n");
        return 2;
    }
    static struct fe_boot_entry entry;
    entry = (struct fe_boot_entry){.protocol = FE_BOOT_HOST,
                                   .information = (uint64_t)(uintptr_t)&boot,
                                   .image_base = (uint64_t)(uintptr_t)fe_image_start,
                                   .image_bytes = (uint64_t)(fe_image_end - fe_image_start)};
    fe_kernel_boot(&entry);
}

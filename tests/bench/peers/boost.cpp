// The benchmarks with Boost.Fiber: boost.elf NAME... prints `NAME NANOSECONDS`, the best of some repetitions; idle tasks as
// `NAME BYTES`. Fibers of the default, round-robin scheduler; what crosses cores has a thread on either side. Fibers of
// trees and idle ones have stacks of 16 KiB, since a million of the default 128 KiB do not fit.
#include <boost/fiber/all.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <pthread.h>
#include <sys/resource.h>
#include <thread>
#include <time.h>
#include <unistd.h>
#include <vector>

namespace fibers = boost::fibers;
using numbers = fibers::buffered_channel<uint64_t>;
using meeting = fibers::unbuffered_channel<uint64_t>;

// The process's own time where one core runs and never waits.
static clockid_t watch = CLOCK_PROCESS_CPUTIME_ID;

static double now() {
    timespec time;
    clock_gettime(watch, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

static double since(double began) {
    return now() - began;
}

static void check(bool condition, const char *what) {
    if (!condition) {
        std::fprintf(stderr, "%s\n", what);
        std::abort();
    }
}

static void on_cpu(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    check(sched_setaffinity(0, sizeof set, &set) == 0, "sched_setaffinity");
}

template <typename Function> static fibers::fiber start(Function function) {
    return fibers::fiber(fibers::launch::post, std::allocator_arg, fibers::fixedsize_stack(16384), function);
}

static double yield() {
    const int count = 1000000;
    auto turn = [] {
        for (int i = 0; i < count; i++)
            boost::this_fiber::yield();
    };
    auto began = now();
    fibers::fiber one(turn), other(turn);
    one.join();
    other.join();
    return since(began) / (2.0 * count);
}

static double spawn_join() {
    const int count = 200000;
    auto began = now();
    for (int i = 0; i < count; i++)
        fibers::fiber([] {}).join();
    return since(began) / count;
}

static void echo(meeting &there, meeting &back) {
    for (uint64_t value; there.pop(value) == fibers::channel_op_status::success && value != 0;)
        back.push(value);
}

static double roundtrips(bool cross) {
    const uint64_t count = cross ? 50000 : 500000;
    meeting there, back;
    std::thread thread;
    fibers::fiber fiber;
    if (cross)
        thread = std::thread([&] {
            on_cpu(1);
            echo(there, back);
        });
    else
        fiber = fibers::fiber([&] { echo(there, back); });
    auto began = now();
    for (uint64_t i = 1; i <= count; i++) {
        there.push(i);
        check(back.value_pop() == i, "wrong value");
    }
    double taken = since(began);
    there.push(0);
    if (cross)
        thread.join();
    else
        fiber.join();
    return taken / count;
}

// Values go through as numbers, or as blocks made by one side and freed by the other.
static double flow(unsigned senders, size_t capacity, bool cross, bool blocks) {
    const uint64_t count = 1000000;
    numbers pipe(capacity);
    auto send = [&] {
        for (uint64_t i = 0; i < count / senders; i++) {
            uint64_t value = i;
            if (blocks) {
                auto *block = static_cast<uint64_t *>(std::malloc(8 * sizeof(uint64_t)));
                for (unsigned word = 0; word < 8; word++)
                    block[word] = i + word;
                value = reinterpret_cast<uintptr_t>(block);
            }
            pipe.push(value);
        }
    };
    auto began = now();
    std::thread thread;
    std::vector<fibers::fiber> tasks;
    if (cross)
        thread = std::thread([&] {
            on_cpu(1);
            send();
        });
    else
        for (unsigned i = 0; i < senders; i++)
            tasks.emplace_back(send);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t value = pipe.value_pop();
        if (blocks) {
            auto *block = reinterpret_cast<uint64_t *>(value);
            check(block[0] == i, "wrong block");
            std::free(block);
        } else {
            sum += value;
        }
    }
    double taken = since(began);
    for (auto &task : tasks)
        task.join();
    if (cross)
        thread.join();
    uint64_t each = count / senders;
    check(blocks || sum == senders * (each * (each - 1) / 2), "wrong sum");
    return taken / count;
}

static double ring() {
    const unsigned members = 503;
    const uint64_t hops = 1000000;
    std::vector<std::unique_ptr<numbers>> cells;
    std::vector<fibers::fiber> tasks;
    for (unsigned i = 0; i < members; i++)
        cells.emplace_back(new numbers(2)); // the least that it allows
    fibers::promise<void> done;
    for (unsigned i = 0; i < members; i++)
        tasks.emplace_back([&, i] {
            for (;;) {
                uint64_t token = cells[i]->value_pop();
                if (token == 1)
                    done.set_value();
                cells[(i + 1) % members]->push(token <= 1 ? 0 : token - 1);
                if (token <= 1)
                    return;
            }
        });
    auto began = now();
    cells[0]->push(hops);
    done.get_future().wait();
    double taken = since(began);
    for (auto &task : tasks)
        task.join();
    return taken / hops;
}

static uint64_t node(uint64_t first, uint64_t leaves) {
    if (leaves == 1)
        return first;
    meeting in;
    for (unsigned i = 0; i < 10; i++)
        start([&in, i, first, leaves] { in.push(node(first + i * (leaves / 10), leaves / 10)); }).detach();
    uint64_t sum = 0;
    for (unsigned i = 0; i < 10; i++)
        sum += in.value_pop();
    return sum;
}

static double skynet() {
    const uint64_t leaves = 1000000;
    auto began = now();
    check(node(0, leaves) == leaves * (leaves - 1) / 2, "wrong sum");
    return since(began) / leaves;
}

static int fib(int n) {
    if (n < 2)
        return n;
    int result = 0;
    auto forked = start([&result, n] { result = fib(n - 1); });
    int called = fib(n - 2);
    forked.join();
    return called + result;
}

static double forks() {
    auto began = now();
    check(fib(25) == 75025, "wrong value");
    return since(began) / 121392;
}

static double processor_time() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
}

// Processor time, since the sleeps themselves take a second.
static double timers() {
    const unsigned count = 100000;
    std::vector<fibers::fiber> tasks;
    uint64_t state = 42;
    double began = 0;
    unsigned started = 0;
    auto base = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    for (unsigned i = 0; i < count; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        auto deadline = base + std::chrono::nanoseconds(state % 1000000000);
        tasks.push_back(start([&, deadline] {
            if (++started == count)
                began = processor_time();
            boost::this_fiber::yield(); // all have started
            boost::this_fiber::sleep_until(deadline);
        }));
    }
    for (auto &task : tasks)
        task.join();
    return (processor_time() - began) / count;
}

static size_t resident() {
    size_t all = 0, here = 0;
    FILE *file = std::fopen("/proc/self/statm", "r");
    check(file && std::fscanf(file, "%zu %zu", &all, &here) == 2, "/proc/self/statm");
    std::fclose(file);
    return here * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

static double idle(unsigned count) {
    std::vector<std::unique_ptr<meeting>> pipes(count);
    std::vector<fibers::fiber> tasks(count);
    size_t before = resident();
    for (unsigned i = 0; i < count; i++) {
        pipes[i].reset(new meeting);
        tasks[i] = start([&pipes, i] {
            uint64_t value;
            pipes[i]->pop(value);
        });
    }
    boost::this_fiber::yield();
    double bytes = static_cast<double>(resident() - before) / count;
    for (unsigned i = 0; i < count; i++)
        pipes[i]->close();
    for (auto &task : tasks)
        task.join();
    return bytes;
}

int main(int argc, char **argv) {
    const struct {
        const char *name;
        std::function<double()> run;
        int repetitions;
    } benchmarks[] = {
        {"yield", yield, 3},
        {"spawn_join", spawn_join, 3},
        {"roundtrip", [] { return roundtrips(false); }, 3},
        {"roundtrip_cross", [] { return roundtrips(true); }, 3},
        {"stream", [] { return flow(1, 64, false, false); }, 3},
        {"stream_cross", [] { return flow(1, 64, true, false); }, 3},
        {"shared4", [] { return flow(4, 256, false, false); }, 3},
        {"handoff", [] { return flow(1, 64, false, true); }, 3},
        {"handoff_cross", [] { return flow(1, 64, true, true); }, 3},
        {"ring503", ring, 3},
        {"skynet", skynet, 1},
        {"fib", forks, 2},
        {"timers", timers, 1},
        {"idle_task_bytes", [] { return idle(100000); }, 1},
    };
    on_cpu(0);
    for (int i = 1; i < argc; i++) {
        double shortest = -1;
        if (std::strstr(argv[i], "_cross"))
            watch = CLOCK_MONOTONIC;
        for (auto &one : benchmarks)
            for (int repetition = 0; std::strcmp(one.name, argv[i]) == 0 && repetition < one.repetitions; repetition++) {
                double taken = one.run();
                if (shortest < 0 || taken < shortest)
                    shortest = taken;
            }
        if (shortest < 0)
            std::printf("%s -\n", argv[i]);
        else
            std::printf("%s %.2f\n", argv[i], shortest);
        std::fflush(stdout);
    }
    return 0;
}

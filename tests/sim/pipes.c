/*
 * Pipes of every kind, between tasks on any core. What is asserted: nothing is lost, nothing comes twice, each sender's values come
 * in their order and whole, and what was sent before an end was closed still comes.
 */
#include "sim.h"

#define MESSAGES 10u

/* A value: who sent it, which of its values it is, and what both must make. */
struct value {
    uint32_t sender, number;
    uint64_t check[2];
};

static uint64_t check_of(uint32_t sender, uint32_t number) {
    return (UINT64_C(0x9e3779b97f4a7c15) * (sender + 1)) ^ (number * UINT64_C(0xff51afd7ed558ccd));
}

static void make(struct value *value, uint32_t sender, uint32_t number) {
    uint64_t check = check_of(sender, number);
    *value = (struct value){sender, number, {check, ~check}};
}

static void check(const struct value *value) {
    uint64_t expected = check_of(value->sender, value->number);
    SIM_CHECK(value->check[0] == expected && value->check[1] == ~expected, "sender %u number %u", value->sender,
              value->number);
}

static size_t some_capacity(void) {
    static const size_t capacities[] = {1, 2, 4, FE_UNBOUNDED, FE_RENDEZVOUS};
    return capacities[sim_random(FE_ARRAY_LENGTH(capacities))];
}

/* One sender, one receiver ---------------------------------------------------------------------------------------- */

struct line {
    fe_sender sender;
    fe_port port;
    uint32_t from; /* the number of this sender */
    bool words;    /* values of 8 bytes */
    bool deadlines;
    uint32_t sent; /* values that were taken */
};

/* Longer each time that it was too short: with others at every step in between, some nanoseconds may never do. */
static fe_nanoseconds soon(unsigned tries) {
    return fe_time_now() + sim_random(4000u << (tries < 10 ? tries : 10));
}

static void send_one(struct line *line, uint32_t number) {
    uint64_t word = (uint64_t)line->from << 32 | number;
    struct value value;
    make(&value, line->from, number);
    const void *what = line->words ? (const void *)&word : &value;
    if (!line->deadlines) {
        fe_pipe_send(line->sender, what);
        line->sent++;
        return;
    }
    fe_status status;
    unsigned tries = 0;
    do
        status = fe_pipe_send_until(line->sender, what, soon(tries++));
    while (status == FE_ETIMEDOUT);
    SIM_CHECK(status == FE_OK, "%s", fe_status_string(status));
    line->sent++;
}

static intptr_t sends(void *argument) {
    struct line *line = argument;
    for (uint32_t i = 0; i < MESSAGES; i++)
        send_one(line, i);
    fe_sender_close(line->sender);
    return 0;
}

static fe_status receive_one(struct line *line, uint32_t *from, uint32_t *number) {
    uint64_t word;
    struct value value;
    void *to = line->words ? (void *)&word : &value;
    fe_status status;
    unsigned tries = 0;
    do
        status = fe_pipe_receive_until(line->port, to, line->deadlines ? soon(tries++) : FE_FOREVER);
    while (status == FE_ETIMEDOUT);
    if (status != FE_OK)
        return status;
    if (line->words) {
        *from = (uint32_t)(word >> 32);
        *number = (uint32_t)word;
    } else {
        check(&value);
        *from = value.sender;
        *number = value.number;
    }
    return FE_OK;
}

static intptr_t receives(void *argument) {
    struct line *line = argument;
    uint32_t from, number, expected = 0;
    fe_status status;
    while ((status = receive_one(line, &from, &number)) == FE_OK)
        SIM_CHECK(number == expected++, "%u came, not %u", number, expected - 1);
    SIM_CHECK(status == FE_ECLOSED && expected == MESSAGES, "%s after %u", fe_status_string(status), expected);
    fe_port_close(line->port);
    return 0;
}

static void run_stream(bool deadlines) {
    struct line line = {.words = sim_random(2), .deadlines = deadlines};
    fe_pipe_open(&line.sender, &line.port, line.words ? 8 : sizeof(struct value), some_capacity(), 0);
    fe_task receiver = sim_spawn(receives, &line);
    fe_task sender = sim_spawn(sends, &line);
    sim_join(sender);
    sim_join(receiver);
}

static void stream(void) {
    run_stream(false);
}

static void stream_deadlines(void) {
    run_stream(true);
}

/* Plain receives of words, the shortest way: the receiver knows how many come. */
static intptr_t receives_plainly(void *argument) {
    struct line *line = argument;
    for (uint32_t i = 0; i < MESSAGES; i++) {
        uint64_t word;
        fe_pipe_receive(line->port, &word);
        SIM_CHECK((uint32_t)word == i);
    }
    fe_port_close(line->port);
    return 0;
}

static void plain(void) {
    struct line line = {.words = true};
    fe_pipe_open(&line.sender, &line.port, 8, some_capacity(), 0);
    fe_task sender = sim_spawn(sends, &line);
    fe_task receiver = sim_spawn(receives_plainly, &line);
    sim_join(receiver);
    sim_join(sender);
}

/* Many senders ---------------------------------------------------------------------------------------------------- */

#define SENDERS 3u

static void run_shared(bool deadlines) {
    struct line lines[SENDERS];
    fe_task tasks[SENDERS];
    struct line in = {.words = sim_random(2), .deadlines = deadlines};
    fe_pipe_open(&in.sender, &in.port, in.words ? 8 : sizeof(struct value), some_capacity(), FE_PIPE_SHARED);
    for (uint32_t i = 0; i < SENDERS; i++) {
        lines[i] = in;
        lines[i].from = i;
        lines[i].sender = fe_sender_copy(in.sender);
        tasks[i] = sim_spawn(sends, &lines[i]);
    }
    fe_sender_close(in.sender);
    uint32_t next[SENDERS] = {0}, from, number;
    while (receive_one(&in, &from, &number) == FE_OK) {
        SIM_CHECK(from < SENDERS && number == next[from], "of %u came %u, not %u", from, number, next[from]);
        next[from]++;
    }
    for (uint32_t i = 0; i < SENDERS; i++) {
        SIM_CHECK(next[i] == MESSAGES, "of %u came %u", i, next[i]);
        sim_join(tasks[i]);
    }
    fe_port_close(in.port);
}

static void shared(void) {
    run_shared(false);
}

static void shared_deadlines(void) {
    run_shared(true);
}

/* Closing --------------------------------------------------------------------------------------------------------- */

/* Blocks through a pipe whose receiver goes away: each block is freed once, by whoever has it. */
static intptr_t sends_blocks(void *argument) {
    struct line *line = argument;
    for (uint32_t i = 0; i < MESSAGES; i++) {
        uint64_t *block = fe_heap_alloc(16 + sim_random(200));
        block[0] = i;
        fe_status status = sim_random(4) ? fe_pipe_send_until(line->sender, &block, FE_FOREVER)
                                         : fe_pipe_send_until(line->sender, &block, fe_time_now() + sim_random(2000));
        SIM_CHECK(status == FE_OK || status == FE_ECLOSED || status == FE_ETIMEDOUT);
        if (status != FE_OK)
            fe_heap_free(block); /* it was not taken */
    }
    fe_sender_close(line->sender);
    return 0;
}

static void close_port(void) {
    struct line lines[4], in = {0};
    fe_task tasks[4];
    fe_pipe_open(&in.sender, &in.port, sizeof(void *), some_capacity(), FE_PIPE_SHARED | FE_PIPE_BLOCKS);
    for (unsigned i = 0; i < 4; i++) {
        lines[i] = in;
        lines[i].sender = fe_sender_copy(in.sender);
        tasks[i] = sim_spawn(sends_blocks, &lines[i]);
    }
    fe_sender_close(in.sender);
    for (uint32_t left = sim_random(2 * MESSAGES); left; left--) {
        uint64_t *block;
        fe_status status = fe_pipe_receive_until(in.port, &block, FE_FOREVER);
        if (status == FE_ECLOSED)
            break;
        SIM_CHECK(status == FE_OK && block[0] < MESSAGES);
        fe_heap_free(block);
    }
    fe_port_close(in.port); /* with what is queued, or while they wait */
    for (unsigned i = 0; i < 4; i++)
        sim_join(tasks[i]);
}

/* The receiver is there, or comes, when the sender goes: with what it has sent. */
static intptr_t sends_few(void *argument) {
    struct line *line = argument;
    uint32_t few = sim_random(4);
    for (uint32_t i = 0; i < few; i++) {
        if (fe_pipe_send_until(line->sender, &(uint64_t){i}, FE_FOREVER) != FE_OK)
            break;
        line->sent++;
    }
    fe_sender_close(line->sender);
    return 0;
}

static void close_sender(void) {
    for (unsigned round = 0; round < 4; round++) {
        struct line line = {0};
        fe_pipe_open(&line.sender, &line.port, 8, some_capacity(), 0);
        fe_task sender = sim_spawn(sends_few, &line);
        uint32_t got = 0;
        uint64_t word;
        while (fe_pipe_receive_until(line.port, &word, FE_FOREVER) == FE_OK)
            SIM_CHECK(word == got++);
        sim_join(sender);
        SIM_CHECK(got == line.sent, "%u came of %u", got, line.sent);
        fe_port_close(line.port);
    }
}

/* Both ends at once: the memory goes once. */
static intptr_t closes_sender(void *argument) {
    struct line *line = argument;
    if (sim_random(2))
        (void)!fe_pipe_try_send(line->sender, &(uint64_t){1});
    fe_sender_close(line->sender);
    return 0;
}

static intptr_t closes_port(void *argument) {
    struct line *line = argument;
    fe_port_close(line->port);
    return 0;
}

static void close_both(void) {
    for (unsigned round = 0; round < 4; round++) {
        struct line line = {0};
        fe_pipe_open(&line.sender, &line.port, 8, some_capacity(), 0);
        fe_task a = sim_spawn(closes_sender, &line), b = sim_spawn(closes_port, &line);
        sim_join(a);
        sim_join(b);
    }
}

/* Requests and replies -------------------------------------------------------------------------------------------- */

struct request {
    uint64_t number;
    fe_sender reply;
};

static intptr_t serves(void *argument) {
    struct line *line = argument;
    struct request request;
    while (fe_pipe_receive_until(line->port, &request, FE_FOREVER) == FE_OK) {
        uint64_t reply = request.number * 3;
        fe_pipe_send(request.reply, &reply);
        fe_sender_close(request.reply);
    }
    fe_port_close(line->port);
    return 0;
}

static intptr_t asks(void *argument) {
    struct line *line = argument;
    for (uint64_t i = 0; i < 5; i++) {
        struct request request = {.number = i + 100 * line->from};
        fe_port reply;
        uint64_t got;
        fe_pipe_open(&request.reply, &reply, 8, 1, FE_PIPE_ONESHOT);
        fe_pipe_send(line->sender, &request);
        fe_pipe_receive(reply, &got);
        SIM_CHECK(got == request.number * 3);
        fe_port_close(reply);
    }
    fe_sender_close(line->sender);
    return 0;
}

static void requests(void) {
    struct line server = {0}, clients[3];
    fe_task tasks[3];
    fe_pipe_open(&server.sender, &server.port, sizeof(struct request), some_capacity(), FE_PIPE_SHARED);
    for (uint32_t i = 0; i < 3; i++) {
        clients[i] = (struct line){.sender = fe_sender_copy(server.sender), .from = i};
        tasks[i] = sim_spawn(asks, &clients[i]);
    }
    fe_sender_close(server.sender);
    fe_task serving = sim_spawn(serves, &server);
    for (unsigned i = 0; i < 3; i++)
        sim_join(tasks[i]);
    sim_join(serving);
}

/* Round and round: a token through a ring of tasks on all cores. */
#define RING 4u

struct place {
    fe_port from;
    fe_sender to;
};

static intptr_t passes_on(void *argument) {
    struct place *place = argument;
    uint64_t token;
    while (fe_pipe_receive_until(place->from, &token, FE_FOREVER) == FE_OK && token > 0) {
        token--;
        fe_status status = fe_pipe_send_until(place->to, &token, FE_FOREVER);
        if (token < RING) {
            SIM_CHECK(status == FE_OK || status == FE_ECLOSED);
            break;
        }
        SIM_CHECK(status == FE_OK, "token %u: %s", (unsigned)token, fe_status_string(status));
    }
    fe_port_close(place->from);
    fe_sender_close(place->to);
    return 0;
}

static void ring(void) {
    struct place places[RING];
    fe_task tasks[RING];
    fe_sender senders[RING];
    fe_port ports[RING];
    size_t capacity = sim_random(2) ? FE_RENDEZVOUS : 1;
    for (unsigned i = 0; i < RING; i++)
        fe_pipe_open(&senders[i], &ports[i], 8, capacity, FE_PIPE_SHARED);
    for (unsigned i = 0; i < RING; i++)
        places[i] = (struct place){ports[i], senders[(i + 1) % RING]};
    fe_sender start = fe_sender_copy(senders[0]);
    for (unsigned i = 0; i < RING; i++)
        tasks[i] = sim_spawn(passes_on, &places[i]);
    uint64_t token = 5 * RING + RING - 1;
    fe_status status = fe_pipe_send_until(start, &token, FE_FOREVER);
    SIM_CHECK(status == FE_OK);
    fe_sender_close(start);
    for (unsigned i = 0; i < RING; i++)
        fe_task_join(tasks[i], NULL);
}

/* Without waiting ------------------------------------------------------------------------------------------------- */

static intptr_t tries_to_send(void *argument) {
    struct line *line = argument;
    for (uint64_t i = 0; i < MESSAGES;) {
        fe_status status = fe_pipe_try_send(line->sender, &i);
        SIM_CHECK(status == FE_OK || status == FE_EAGAIN);
        if (status == FE_OK)
            i++;
        else
            fe_task_yield();
    }
    fe_sender_close(line->sender);
    return 0;
}

static void tries(void) {
    struct line line = {0};
    fe_pipe_open(&line.sender, &line.port, 8, sim_random(2) ? 1 : 2, 0);
    fe_task sender = sim_spawn(tries_to_send, &line);
    for (uint64_t expected = 0;;) {
        uint64_t got;
        fe_status status = fe_pipe_try_receive(line.port, &got);
        if (status == FE_ECLOSED) {
            SIM_CHECK(expected == MESSAGES, "%llu came", (unsigned long long)expected);
            break;
        }
        if (status == FE_OK)
            SIM_CHECK(got == expected++);
        else
            fe_task_yield();
    }
    sim_join(sender);
    fe_port_close(line.port);
}

/* A port that goes from task to task through a pipe: each takes some values and hands it on. */
struct relay {
    fe_port port;
    fe_sender hand_on;
    fe_port handed;
    uint32_t got;
};

static intptr_t takes_some(void *argument) {
    struct relay *relay = argument;
    uint64_t word;
    fe_port port;
    while (fe_pipe_receive_until(relay->handed, &port, FE_FOREVER) == FE_OK) {
        fe_status status = FE_OK;
        for (unsigned i = 0; i < 2 && status == FE_OK; i++) {
            status = fe_pipe_receive_until(port, &word, FE_FOREVER);
            relay->got += status == FE_OK;
        }
        if (status == FE_OK && fe_pipe_send_until(relay->hand_on, &port, FE_FOREVER) == FE_OK)
            continue;
        fe_port_close(port);
        break;
    }
    fe_sender_close(relay->hand_on);
    fe_port_close(relay->handed);
    return 0;
}

static void relay(void) {
    struct relay relays[2] = {0};
    fe_task tasks[2];
    struct line line = {.words = true};
    fe_pipe_open(&line.sender, &line.port, 8, some_capacity(), 0);
    fe_sender first;
    fe_pipe_open(&relays[1].hand_on, &relays[0].handed, sizeof(fe_port), 1, FE_PIPE_SHARED);
    fe_pipe_open(&relays[0].hand_on, &relays[1].handed, sizeof(fe_port), 1, 0);
    first = fe_sender_copy(relays[1].hand_on);
    fe_pipe_send(first, &line.port);
    fe_sender_close(first);
    for (unsigned i = 0; i < 2; i++)
        tasks[i] = sim_spawn(takes_some, &relays[i]);
    fe_task sender = sim_spawn(sends, &line);
    sim_join(sender);
    sim_join(tasks[0]);
    sim_join(tasks[1]);
    SIM_CHECK(relays[0].got + relays[1].got == MESSAGES, "%u and %u came", relays[0].got, relays[1].got);
}

const struct sim_program sim_pipes[] = {
    {"stream", stream, 0},
    {"stream_deadlines", stream_deadlines, 0},
    {"plain", plain, 0},
    {"shared", shared, 0},
    {"shared_deadlines", shared_deadlines, 0},
    {"close_port", close_port, 0},
    {"close_sender", close_sender, 0},
    {"close_both", close_both, 0},
    {"requests", requests, 0},
    {"ring", ring, 0},
    {"tries", tries, 0},
    {"relay", relay, 0},
    {NULL, NULL, 0},
};

/* Load for the relay's benchmarks: keeps DEPTH records in flight on each of CONNECTIONS and notes which were acknowledged.
 *
 *   relay_gen HOST PORT CONNECTIONS DEPTH SECONDS FIRST ACKFILE
 *
 * Records are 120 bytes in the default layout (9 columns); process numbers count up from FIRST, 12 digits each. ACKFILE gets the numbers that
 * were answered 200, 8 bytes each, little endian. Ends after SECONDS (then it waits a second for what is in flight), or when all
 * connections are gone. Prints one JSON line: acked, refused, wall (s), cpu (s), p50_us, p99_us, max_us, next. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 120, MAX_DEPTH = 256, MAX_ANSWER = 128, MAX_SAMPLES = 1 << 22 };

typedef struct {
    int fd;
    unsigned long sent, answered;
    uint64_t number[MAX_DEPTH]; /* of the records in flight, by `sent % depth` */
    double since[MAX_DEPTH];
    char out[MAX_DEPTH * SIZE];
    size_t out_from, out_to;
    char answer[MAX_ANSWER];
    size_t answer_size;
} Connection;

static unsigned long acked, refused, samples;
static uint64_t next_number;
static int depth, is_closing;
static uint32_t *latency;
static FILE *ackfile;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void record(char *at, uint64_t number) {
    char head[SIZE + 1];
    int n = snprintf(head, sizeof head, "%04d|REQ|%012llu|20260101000000|HOST01|JOB_A|STEP1|0|", SIZE, (unsigned long long)number);
    memcpy(at, head, n);
    memset(at + n, 'x', SIZE - n - 1);
    at[SIZE - 1] = '\n';
}

static void fill(Connection *c) {
    if (c->out_from == c->out_to) c->out_from = c->out_to = 0;
    while (!is_closing && c->sent - c->answered < (unsigned long)depth && c->out_to + SIZE <= sizeof c->out) {
        c->number[c->sent % depth] = next_number;
        c->since[c->sent % depth] = now();
        record(c->out + c->out_to, next_number++);
        c->out_to += SIZE;
        c->sent++;
    }
}

static int flush(Connection *c) {
    while (c->out_from < c->out_to) {
        ssize_t n = write(c->fd, c->out + c->out_from, c->out_to - c->out_from);
        if (n < 0) return errno == EAGAIN ? 0 : -1;
        c->out_from += n;
    }
    return 0;
}

/* One whole answer. -1 when it is not for the oldest record in flight. */
static int answered(Connection *c, double at) {
    char number[16];
    snprintf(number, sizeof number, "|%012llu|", (unsigned long long)c->number[c->answered % depth]);
    if (c->answered >= c->sent || !strstr(c->answer, number)) return -1;
    if (strstr(c->answer, "|200")) {
        uint64_t value = c->number[c->answered % depth];
        fwrite(&value, sizeof value, 1, ackfile);
        acked++;
    } else refused++;
    if (samples < MAX_SAMPLES) latency[samples++] = (uint32_t)((at - c->since[c->answered % depth]) * 1e6);
    c->answered++;
    return 0;
}

static int take(Connection *c) {
    static char data[1 << 16];
    for (;;) {
        ssize_t n = read(c->fd, data, sizeof data);
        if (n < 0) return errno == EAGAIN ? 0 : -1;
        if (n == 0) return -1;
        double at = now();
        for (ssize_t i = 0; i < n; i++) {
            if (data[i] != '\n') {
                if (c->answer_size >= MAX_ANSWER - 1) return -1;
                c->answer[c->answer_size++] = data[i];
                continue;
            }
            c->answer[c->answer_size] = 0;
            c->answer_size = 0;
            if (answered(c, at)) return -1;
        }
        if (n < (ssize_t)sizeof data) return 0;
    }
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int main(int count, char **words) {
    if (count != 8) return fprintf(stderr, "relay_gen HOST PORT CONNECTIONS DEPTH SECONDS FIRST ACKFILE\n"), 2;
    int connections = atoi(words[3]), open = 0, events = epoll_create1(0);
    depth = atoi(words[4]);
    double seconds = atof(words[5]);
    next_number = strtoull(words[6], 0, 10);
    ackfile = fopen(words[7], "wb");
    latency = malloc(MAX_SAMPLES * sizeof *latency);
    Connection *all = calloc(connections, sizeof *all);
    if (!ackfile || depth < 1 || depth > MAX_DEPTH || !all || !latency) return fprintf(stderr, "bad argument\n"), 2;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[2]))};
    inet_pton(AF_INET, words[1], &address.sin_addr);
    for (int i = 0; i < connections; i++) {
        Connection *c = all + i;
        int one = 1;
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (connect(c->fd, (void *)&address, sizeof address)) return perror("connect"), 1;
        struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
        fcntl(c->fd, F_SETFL, O_NONBLOCK);
        epoll_ctl(events, EPOLL_CTL_ADD, c->fd, &e);
        open++;
    }
    double began = now(), end = began + seconds, wall = 0;
    struct epoll_event ready[256];
    while (open) {
        double at = now();
        if (at >= end && !is_closing) is_closing = 1, wall = at - began;
        if (at >= end + 1) break;
        int n = epoll_wait(events, ready, 256, 20), waiting = 0;
        for (int i = 0; i < n; i++) {
            Connection *c = ready[i].data.ptr;
            if (c->fd < 0) continue;
            int dead = (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && take(c);
            if (!dead) fill(c), dead = flush(c);
            if (dead) close(c->fd), c->fd = -1, open--;
        }
        if (is_closing) {
            for (int i = 0; i < connections; i++) waiting += all[i].fd >= 0 && all[i].sent > all[i].answered;
            if (!waiting) break;
        }
    }
    if (!wall) wall = now() - began;
    fclose(ackfile);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    qsort(latency, samples, sizeof *latency, compare);
    printf("{\"acked\": %lu, \"refused\": %lu, \"wall\": %.3f, \"cpu\": %.3f, \"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u, \"next\": %llu}\n", acked,
           refused, wall, cpu, samples ? latency[samples / 2] : 0, samples ? latency[samples * 99 / 100] : 0, samples ? latency[samples - 1] : 0,
           (unsigned long long)next_number);
}

/* Load for the relay's benchmarks, and the note of what was acknowledged.
 *
 *   relay_gen HOST PORT CONNECTIONS DEPTH SECONDS FIRST ACKFILE [lines | oneshot | relp | again]
 *
 * lines    DEPTH records in flight on each of CONNECTIONS; a connection that breaks is gone
 * again    the same, but a broken connection is made again, and what it had not been answered is sent again under the same number
 * oneshot  a connection for each record, CONNECTIONS at a time; what was not answered is sent again
 * relp     as lines, each record a `syslog` frame of RELP
 *
 * Records are 120 bytes in the default layout (9 columns); process numbers count up from FIRST, 12 digits each. ACKFILE gets the numbers that
 * were answered 200, 8 bytes each, little endian. Connections come from 16 loopback addresses in turn. Ends after SECONDS (then it waits a
 * second for what is in flight), or when all connections are gone. Prints one JSON line:
 *   acked, in_time (those before SECONDS were over), refused (answers other than 200), wall (s), cpu (s), p50_us, p99_us, max_us (a record's
 *   first byte or its connection's first packet to its answer), pause_us (the longest time between two acknowledgements), next (number),
 *   connect_refused, reset, unanswered (times a connection was refused, reset, ended in order before all its records were answered), strange
 *   (connections given up because of an answer that belongs to no record in flight). */
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

enum { SIZE = 120, NUMBER_AT = 9, DIGITS = 12, MAX_DEPTH = 256, MAX_FRAME = SIZE + 32, MAX_ANSWER = 1024, MAX_SAMPLES = 1 << 22, SOURCES = 16 };
enum { LINES, ONESHOT, RELP, AGAIN };
static const char *const MODES[] = {"lines", "oneshot", "relp", "again"};
static const double RETRY_S = 0.002, GRACE_S = 1.0;
static const int GONE = -1, ENDED = -2; /* what `take` and `flush` say beside an errno */

typedef struct {
    int fd, place;
    double retry_at; /* 0: it is not waiting to be made again */
    unsigned long sent, answered;
    uint64_t number[MAX_DEPTH]; /* of the records in flight, by `sent % depth` */
    double since[MAX_DEPTH];
    char out[MAX_DEPTH * MAX_FRAME];
    size_t out_from, out_to;
    char answer[MAX_ANSWER];
    size_t answer_size;
} Connection;

static int mode, depth, is_closing, events, open_count, retrying;
static unsigned long acked, in_time, refused, samples, connect_refused, resets, unanswered, strange;
static uint64_t next_number;
static double last_ack, longest_pause;
static uint32_t *latency;
static FILE *ackfile;
static struct sockaddr_in address;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void digits(char *at, uint64_t number) {
    for (int i = DIGITS - 1; i >= 0; i--, number /= 10) at[i] = '0' + number % 10;
}

/* Puts record `index` of the connection (counted from its first) behind what is to be sent. */
static void put(Connection *c, unsigned long index) {
    static char record[SIZE];
    if (!record[0]) {
        int n = sprintf(record, "%04d|REQ|%012d|20260101000000|HOST01|JOB_A|STEP1|0|", SIZE, 0);
        memset(record + n, 'x', SIZE - n - 1);
        record[SIZE - 1] = '\n';
    }
    digits(record + NUMBER_AT, c->number[index % depth]);
    if (mode == RELP) c->out_to += sprintf(c->out + c->out_to, "%lu syslog %d ", index + 2, SIZE - 1); /* transaction 1 was `open` */
    memcpy(c->out + c->out_to, record, SIZE);
    c->out_to += SIZE;
}

static void fill(Connection *c) {
    if (c->out_from == c->out_to) c->out_from = c->out_to = 0;
    while (!is_closing && c->sent - c->answered < (unsigned long)depth && c->out_to + MAX_FRAME <= sizeof c->out) {
        c->number[c->sent % depth] = next_number++;
        c->since[c->sent % depth] = now();
        put(c, c->sent++);
    }
}

static int flush(Connection *c) {
    while (c->out_from < c->out_to) {
        ssize_t n = send(c->fd, c->out + c->out_from, c->out_to - c->out_from, MSG_NOSIGNAL);
        if (n < 0) return errno == EAGAIN || errno == ENOTCONN ? 0 : errno;
        c->out_from += n;
    }
    return 0;
}

static int is_answer_to(const Connection *c, int *is_accepted) {
    if (mode == RELP) {
        unsigned long transaction;
        int size, code;
        if (sscanf(c->answer, "%lu rsp %d %d", &transaction, &size, &code) != 3) return 0;
        *is_accepted = code == 200;
        return transaction == c->answered + 2;
    }
    char number[DIGITS];
    digits(number, c->number[c->answered % depth]);
    if (c->answer_size != NUMBER_AT + DIGITS + 4 || memcmp(c->answer + NUMBER_AT, number, DIGITS)) return 0;
    *is_accepted = !memcmp(c->answer + NUMBER_AT + DIGITS, "|200", 4);
    return 1;
}

/* One whole answer. GONE when it is not for the oldest record in flight. */
static int answered(Connection *c, double at) {
    int is_accepted = 0;
    if (c->answered >= c->sent || !is_answer_to(c, &is_accepted)) return strange++, GONE;
    if (is_accepted) {
        fwrite(&c->number[c->answered % depth], sizeof(uint64_t), 1, ackfile);
        acked++;
        in_time += !is_closing;
        if (last_ack && at - last_ack > longest_pause) longest_pause = at - last_ack;
        last_ack = at;
    } else refused++;
    if (samples < MAX_SAMPLES) latency[samples++] = (uint32_t)((at - c->since[c->answered % depth]) * 1e6);
    c->answered++;
    return 0;
}

/* `to_end`: the peer has said its last, and no other event will tell us. */
static int take(Connection *c, int to_end) {
    static char data[1 << 16];
    for (;;) {
        ssize_t n = recv(c->fd, data, sizeof data, 0);
        if (n < 0) return errno == EAGAIN ? 0 : errno;
        if (n == 0) return ENDED;
        double at = now();
        for (ssize_t i = 0; i < n; i++) {
            if (data[i] != '\n') {
                if (c->answer_size >= MAX_ANSWER - 1) return GONE;
                c->answer[c->answer_size++] = data[i];
                continue;
            }
            c->answer[c->answer_size] = 0;
            int broken = answered(c, at);
            c->answer_size = 0;
            if (broken) return broken;
        }
        if (n < (ssize_t)sizeof data && !to_end) return 0;
    }
}

static int greet(int fd) { /* RELP's `open` and its answer; the socket is still a blocking one */
    const char *offer = "relp_version=0\nrelp_software=relay_gen\ncommands=syslog";
    char text[MAX_ANSWER];
    int size = snprintf(text, sizeof text, "1 open %zu %s\n", strlen(offer), offer);
    if (write(fd, text, size) != size) return -1;
    int have = 0, want = -1;
    while (want < 0 || have < want) {
        ssize_t n = read(fd, text + have, sizeof text - 1 - have);
        if (n <= 0) return -1;
        text[have += n] = 0;
        int length, head = 0;
        if (want < 0 && sscanf(text, "1 rsp %d%n", &length, &head) == 1 && have > head) want = head + 1 + length + 1;
    }
    return have == want ? 0 : -1;
}

static int dial(Connection *c) {
    int one = 1;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + c->place % SOURCES)};
    c->fd = socket(AF_INET, SOCK_STREAM | (mode == RELP ? 0 : SOCK_NONBLOCK), 0);
    c->retry_at = 0;
    c->answer_size = 0;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (ntohl(address.sin_addr.s_addr) >> 24 == 127 && bind(c->fd, (void *)&from, sizeof from)) return errno;
    if (connect(c->fd, (void *)&address, sizeof address) && errno != EINPROGRESS) return errno;
    if (mode == RELP && (greet(c->fd) || fcntl(c->fd, F_SETFL, O_NONBLOCK))) return GONE;
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    return epoll_ctl(events, EPOLL_CTL_ADD, c->fd, &e) ? errno : 0;
}

static void begin_again(Connection *c) {
    retrying--;
    c->out_from = c->out_to = 0;
    for (unsigned long i = c->answered; i < c->sent; i++) put(c, i);
}

static void broken(Connection *c, int why) {
    connect_refused += why == ECONNREFUSED;
    resets += why == ECONNRESET || why == EPIPE;
    unanswered += why == ENDED && c->sent > c->answered;
    close(c->fd);
    c->fd = -1;
    if (why != GONE && (mode == ONESHOT || mode == AGAIN)) c->retry_at = now() + RETRY_S, retrying++;
    else open_count--;
}

static void served(Connection *c, uint32_t what) {
    int why = 0, size = sizeof why;
    if (what & EPOLLERR) getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &why, (socklen_t *)&size);
    unsigned long before = c->answered;
    if (!why && what & (EPOLLIN | EPOLLHUP | EPOLLRDHUP)) why = take(c, what & (EPOLLHUP | EPOLLRDHUP));
    if (mode == ONESHOT && c->answered > before) { /* the next record has the next connection */
        close(c->fd);
        c->fd = -1;
        if (is_closing) return;
        c->out_from = c->out_to = 0;
        fill(c);
        if ((why = dial(c))) broken(c, why);
        return;
    }
    if (!why) {
        if (mode != ONESHOT) fill(c);
        why = flush(c);
    }
    if (why) broken(c, why);
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void report(double wall) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    qsort(latency, samples, sizeof *latency, compare);
    printf("{\"acked\": %lu, \"in_time\": %lu, \"refused\": %lu, \"wall\": %.3f, \"cpu\": %.3f, ", acked, in_time, refused, wall, cpu);
    printf("\"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u, ", samples ? latency[samples / 2] : 0, samples ? latency[samples * 99 / 100] : 0,
           samples ? latency[samples - 1] : 0);
    printf("\"pause_us\": %.0f, \"next\": %llu, ", longest_pause * 1e6, (unsigned long long)next_number);
    printf("\"connect_refused\": %lu, \"reset\": %lu, \"unanswered\": %lu, \"strange\": %lu}\n", connect_refused, resets, unanswered, strange);
}

static int in_flight(const Connection *all, int connections) {
    int found = 0;
    for (int i = 0; i < connections; i++) found += (all[i].fd >= 0 || all[i].retry_at) && all[i].sent > all[i].answered;
    return found;
}

static double press(Connection *all, int connections, double seconds) {
    struct epoll_event ready[256];
    double began = now(), end = began + seconds, wall = 0;
    while (open_count) {
        double at = now();
        if (at >= end && !is_closing) is_closing = 1, wall = at - began;
        if (at >= end + GRACE_S || (is_closing && !in_flight(all, connections))) break;
        int n = epoll_wait(events, ready, 256, retrying ? 1 : 20);
        for (int i = 0; i < n; i++) {
            Connection *c = ready[i].data.ptr;
            if (c->fd >= 0) served(c, ready[i].events);
        }
        for (int i = 0, why; retrying && i < connections; i++) {
            if (!all[i].retry_at || all[i].retry_at > at) continue;
            begin_again(all + i);
            if ((why = dial(all + i))) broken(all + i, why);
        }
    }
    return wall ? wall : now() - began;
}

int main(int count, char **words) {
    for (mode = AGAIN; count == 9 && mode > LINES && strcmp(words[8], MODES[mode]); mode--) continue;
    if (count == 8) mode = LINES;
    if (count < 8 || count > 9 || (count == 9 && strcmp(words[8], MODES[mode])))
        return fprintf(stderr, "relay_gen HOST PORT CONNECTIONS DEPTH SECONDS FIRST ACKFILE [lines | oneshot | relp | again]\n"), 2;
    int connections = atoi(words[3]);
    depth = mode == ONESHOT ? 1 : atoi(words[4]);
    next_number = strtoull(words[6], 0, 10);
    ackfile = fopen(words[7], "wb");
    latency = malloc(MAX_SAMPLES * sizeof *latency);
    Connection *all = calloc(connections, sizeof *all);
    if (!ackfile || depth < 1 || depth > MAX_DEPTH || !all || !latency) return fprintf(stderr, "bad argument\n"), 2;
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(words[2]))};
    inet_pton(AF_INET, words[1], &address.sin_addr);
    events = epoll_create1(0);
    for (int i = 0, why; i < connections; i++) {
        all[i].place = i;
        open_count++;
        fill(all + i);
        if ((why = dial(all + i))) broken(all + i, why);
    }
    double wall = press(all, connections, atof(words[5]));
    fclose(ackfile);
    report(wall);
    return 0;
}

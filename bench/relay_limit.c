/* The limit: what a C program does with the same contract on the same disk. It answers 200 after a write and an fdatasync that many
 * connections share, and looks at nothing of a record but its newline and its process number.
 *
 *   relay_limit PORT FILE [sync | plain]     plain leaves out the fdatasync: a partner that is never the slow one
 *
 * One thread serves all sockets, another writes. While one batch is on its way to the disk the next one collects. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ = 1 << 16, KEY_COLUMN = 2, MAX_KEY = 64, BACKLOG = 4096, EVENTS = 512 };

typedef struct {
    int fd, pending; /* pending: batches that hold answers for it */
    char *part;      /* the beginning of a line whose end has not come; NULL most of the time */
    size_t part_size;
} Connection;

typedef struct {
    char *at;
    size_t size, room;
} Bytes;

typedef struct {
    Connection *to;
    size_t size;
} Answer; /* its text stands in `answers` */

typedef struct {
    Bytes lines, answers;
    Answer *list;
    size_t count, room;
} Batch;

static Batch batches[2];
static int collecting, is_writing, is_synced, events, done, file;
static int job = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_job = PTHREAD_COND_INITIALIZER;

static __attribute__((noreturn)) void fail(const char *what) {
    perror(what);
    _exit(1);
}

static void add(Bytes *to, const char *from, size_t size) {
    if (to->size + size > to->room) {
        to->room = (to->size + size) * 2 + READ;
        if (!(to->at = realloc(to->at, to->room))) fail("memory");
    }
    memcpy(to->at + to->size, from, size);
    to->size += size;
}

static __attribute__((noreturn)) void *writer(void *unused) {
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&lock);
        while (job < 0) pthread_cond_wait(&has_job, &lock);
        Batch *batch = batches + job;
        job = -1;
        pthread_mutex_unlock(&lock);
        for (size_t from = 0; from < batch->lines.size;) {
            ssize_t n = write(file, batch->lines.at + from, batch->lines.size - from);
            if (n < 0) fail("write");
            from += n;
        }
        if (is_synced && fdatasync(file)) fail("fdatasync");
        if (eventfd_write(done, 1)) fail("eventfd");
    }
}

static void hand_over(void) {
    if (is_writing || !batches[collecting].count) return;
    is_writing = 1;
    pthread_mutex_lock(&lock);
    job = collecting;
    pthread_cond_signal(&has_job);
    pthread_mutex_unlock(&lock);
    collecting ^= 1;
}

static void release(Connection *c) {
    if (c->fd >= 0 || c->pending) return;
    free(c->part);
    free(c);
}

static void hang_up(Connection *c) {
    close(c->fd);
    c->fd = -1;
    release(c);
}

static void answer_all(void) {
    Batch *batch = batches + (collecting ^ 1);
    const char *text = batch->answers.at;
    for (size_t i = 0; i < batch->count; i++) {
        Connection *c = batch->list[i].to;
        if (c->fd >= 0 && send(c->fd, text, batch->list[i].size, MSG_NOSIGNAL) < 0) shutdown(c->fd, SHUT_RDWR);
        text += batch->list[i].size;
        c->pending--;
        release(c);
    }
    batch->lines.size = batch->answers.size = batch->count = 0;
    is_writing = 0;
}

static void answer_line(Batch *batch, const char *line, size_t size) {
    const char *from = line, *end = line + size, *to;
    for (int column = 0; from && column < KEY_COLUMN; column++) from = memchr(from, '|', end - from), from = from ? from + 1 : 0;
    to = from ? memchr(from, '|', end - from) : 0;
    size_t key = to && to - from <= MAX_KEY ? to - from : 0;
    char text[MAX_KEY + 32], head[8];
    memcpy(text, "0000|RES|", 9);
    memcpy(text + 9, from, key);
    memcpy(text + 9 + key, key ? "|200\n" : "|401\n", 5);
    sprintf(head, "%04zu", key + 14);
    memcpy(text, head, 4);
    add(&batch->answers, text, key + 14);
    if (key) add(&batch->lines, line, size);
}

/* Whole lines into the batch. Returns how many bytes they were. */
static size_t take(Batch *batch, const char *data, size_t size) {
    size_t from = 0;
    for (const char *end; (end = memchr(data + from, '\n', size - from)); from = end + 1 - data) answer_line(batch, data + from, end + 1 - data - from);
    return from;
}

static void heard(Connection *c, const char *data, size_t size) {
    Batch *batch = batches + collecting;
    size_t before = batch->answers.size, used;
    if (c->part_size) {
        if (!(c->part = realloc(c->part, c->part_size + size))) fail("memory");
        memcpy(c->part + c->part_size, data, size);
        size += c->part_size;
        used = take(batch, c->part, size);
        memmove(c->part, c->part + used, size - used);
    } else {
        used = take(batch, data, size);
        if (used < size) {
            if (!(c->part = realloc(c->part, size - used))) fail("memory");
            memcpy(c->part, data + used, size - used);
        }
    }
    c->part_size = size - used;
    if (batch->answers.size == before) return;
    if (batch->count == batch->room && !(batch->list = realloc(batch->list, (batch->room = batch->room * 2 + EVENTS) * sizeof(Answer)))) fail("memory");
    batch->list[batch->count++] = (Answer){c, batch->answers.size - before};
    c->pending++;
}

static void let_in(int server) {
    int one = 1;
    for (int fd; (fd = accept4(server, 0, 0, SOCK_NONBLOCK)) >= 0;) {
        Connection *c = calloc(1, sizeof *c);
        if (!c) fail("memory");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->fd = fd;
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(events, EPOLL_CTL_ADD, fd, &e)) fail("epoll_ctl");
    }
}

int main(int count, char **words) {
    if (count < 3) return fprintf(stderr, "relay_limit PORT FILE [sync | plain]\n"), 2;
    is_synced = count == 3 || strcmp(words[3], "plain");
    file = open(words[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0) fail(words[2]);
    int one = 1, server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(server, (void *)&address, sizeof address) || listen(server, BACKLOG)) fail("listen");
    events = epoll_create1(0);
    done = eventfd(0, EFD_NONBLOCK);
    epoll_ctl(events, EPOLL_CTL_ADD, server, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &server});
    epoll_ctl(events, EPOLL_CTL_ADD, done, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &done});
    pthread_t thread;
    if (pthread_create(&thread, 0, writer, 0)) fail("pthread_create");
    static char data[READ];
    struct epoll_event ready[EVENTS];
    for (;;) {
        int n = epoll_wait(events, ready, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            void *what = ready[i].data.ptr;
            if (what == &server) let_in(server);
            else if (what == &done) {
                eventfd_t times;
                if (!eventfd_read(done, &times)) answer_all();
            } else {
                Connection *c = what;
                ssize_t size = recv(c->fd, data, sizeof data, 0);
                if (size > 0) heard(c, data, size);
                else if (size == 0 || errno != EAGAIN) hang_up(c);
            }
        }
        hand_over();
    }
}

// SPDX-License-Identifier: Apache-2.0
/*
 * What `pyhl serve --stdio` adds to a run (pyhl/PROTOCOL.md): a client sends print(1) again and
 * again, one at a time, and then many ahead. Each line of the output is a name and its figures.
 *
 *   beyond MEDIAN LEAST P99   ms from the request to `done`, less what vmm_run() took
 *   rate RUNS                 a second, with requests ahead
 *   first MS                  from the start of a server to its first answer
 *   fork MEDIAN LEAST         ms of a session into ten, with workers that wait
 *
 * usage: serve PYHL HOME TIMES
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMES_MAX 100000
#define AHEAD     64
#define FORKS     50
#define CHILDREN  10

#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)

struct server {
    pid_t pid;
    int in;
    FILE *out;
};

static double now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void must(int holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "serve: %s\n", what);
        exit(1);
    }
}

static struct server start(const char *pyhl, const char *home, const char *workers)
{
    int in[2], out[2];
    must(pipe(in) == 0 && pipe(out) == 0, "pipe");
    struct server s = {.pid = fork(), .in = in[1], .out = fdopen(out[0], "r")};
    must(s.pid >= 0 && s.out != NULL, "fork");
    if (s.pid == 0) {
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)close(in[1]);
        (void)close(out[0]);
        (void)execl(pyhl, pyhl, "serve", "--stdio", "--dest", home,
                    workers != NULL ? "--workers" : NULL, workers, (char *)NULL);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    return s;
}

static void request(const struct server *s, int id)
{
    static const char code[] = "print(1)";
    char frame[200];
    const int n = snprintf(frame + 8, sizeof(frame) - 8, "{\"id\":%d,\"op\":\"run\"}%s", id, code);
    const unsigned sizes[2] = {(unsigned)n - (sizeof(code) - 1), sizeof(code) - 1};
    memcpy(frame, sizes, sizeof(sizes));
    must(write(s->in, frame, 8 + (size_t)n) == 8 + n, "the server does not take a request");
}

/* Reads events up to the end of a run. Returns what vmm_run() took, ms. */
static double answer(const struct server *s)
{
    unsigned sizes[2];
    char text[4096], bytes[4096];
    for (;;) {
        must(fread(sizes, sizeof(sizes), 1, s->out) == 1, "no event");
        must(sizes[0] < sizeof(text) && sizes[1] < sizeof(bytes), "a large event");
        must(fread(text, 1, sizes[0], s->out) == sizes[0], "half an event");
        must(fread(bytes, 1, sizes[1], s->out) == sizes[1], "half an event");
        text[sizes[0]] = 0;
        must(strstr(text, "\"failed\"") == NULL, text);
        const char *run = strstr(text, "\"run_ms\":");
        if (run != NULL) {
            must(strstr(text, "\"status\":0") != NULL, text);
            return strtod(run + 9, NULL);
        }
    }
}

/* Asks for something without bytes, and reads its only event into text. */
static void ask(const struct server *s, char text[4096], const char *what)
{
    char frame[200];
    const int n = snprintf(frame + 8, sizeof(frame) - 8, "{\"id\":1,%s}", what);
    unsigned sizes[2] = {(unsigned)n, 0};
    memcpy(frame, sizes, sizeof(sizes));
    must(write(s->in, frame, 8 + (size_t)n) == 8 + n, "the server does not take a request");
    must(fread(sizes, sizeof(sizes), 1, s->out) == 1 && sizes[0] < 4096 && sizes[1] == 0 &&
             fread(text, 1, sizes[0], s->out) == sizes[0],
         "no answer");
    text[sizes[0]] = 0;
    must(strstr(text, "\"done\"") != NULL, text);
}

/* Closes the sessions whose names are in the text. */
static void close_all(const struct server *s, const char *text)
{
    char what[100], answered[4096];
    for (const char *name = text; (name = strstr(name, "\"s")) != NULL; name++) {
        const char *end = strchr(name + 1, '"');
        if (end != NULL && name[2] >= '0' && name[2] <= '9') {
            (void)snprintf(what, sizeof(what), "\"op\":\"close\",\"session\":%.*s",
                           (int)(end + 1 - name), name);
            ask(s, answered, what);
        }
    }
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Workers that were used take time to be made again, which is not measured. */
static void forks(const char *pyhl, const char *home)
{
    double took[FORKS];
    char text[4096];
    const struct server s = start(pyhl, home, "12");
    ask(&s, text, "\"op\":\"open\"");
    for (int i = 0; i < FORKS; i++) {
        (void)usleep(150000);
        const double began = now_ms();
        ask(&s, text, "\"op\":\"fork\",\"session\":\"s1\",\"count\":" TEXT(CHILDREN));
        took[i] = now_ms() - began;
        close_all(&s, text);
    }
    qsort(took, FORKS, sizeof(*took), by_size);
    printf("fork %.3f %.3f\n", took[FORKS / 2], took[0]);
    (void)kill(s.pid, SIGKILL);
}

int main(int argc, char **argv)
{
    static double beyond[TIMES_MAX];
    const int times = argc == 4 ? atoi(argv[3]) : 0;
    if (times < 100 || times > TIMES_MAX) {
        (void)fprintf(stderr, "usage: serve PYHL HOME TIMES (100 to %d)\n", TIMES_MAX);
        return 2;
    }
    double began = now_ms();
    const struct server s = start(argv[1], argv[2], NULL);
    request(&s, 0);
    (void)answer(&s);
    const double first = now_ms() - began;
    for (int i = -50; i < times; i++) { /* the first ones find cold workers */
        began = now_ms();
        request(&s, 1);
        const double run = answer(&s);
        beyond[i < 0 ? 0 : i] = now_ms() - began - run;
    }
    began = now_ms();
    for (int i = 0; i < times + AHEAD; i++) {
        if (i < times) {
            request(&s, 2 + i);
        }
        if (i >= AHEAD) {
            (void)answer(&s);
        }
    }
    const double all = now_ms() - began;
    qsort(beyond, (size_t)times, sizeof(*beyond), by_size);
    printf("beyond %.4f %.4f %.4f\n", beyond[times / 2], beyond[0], beyond[times * 99 / 100]);
    printf("rate %.0f\nfirst %.2f\n", times / all * 1e3, first);
    (void)kill(s.pid, SIGKILL);
    forks(argv[1], argv[2]);
    return 0;
}

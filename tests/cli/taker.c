// SPDX-License-Identifier: Apache-2.0
/*
 * The smallest program that takes runs: what the python image's driver is to pyhl, without Python.
 * The source of a run is one of the commands below, so each way in which a run can end, or talk, is
 * one word. Tests of the command and of installing use an image with this alone: it is set up in a
 * fraction of a second.
 */
#include "images/runframe.h"
#include "tests/cli/taker_files.h"
#include "vmm/abi.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static char frame[1 << 20];

static size_t frame_size;

static void print_list(const char *name, uint32_t kind)
{
    static char *list[256];
    size_t count = runframe_strings(frame, frame_size, kind, list, 256);

    for (size_t i = 0; i < count && i < 256; i++) {
        printf("%s %s\n", name, list[i]);
    }
}

static int do_print(void)
{
    puts("1");
    return 0;
}

static int do_show(void)
{
    printf("mode %u\n", runframe_mode(frame));
    print_list("option", HV_RECORD_OPTIONS);
    print_list("argv", HV_RECORD_ARGV);
    print_list("env", HV_RECORD_ENV);
    print_list("cwd", HV_RECORD_CWD);
    return 0;
}

static int do_fail(void)
{
    return 3;
}

static int do_segv(void)
{
    return raise(SIGSEGV);
}

static _Noreturn int do_loop(void)
{
    for (;;) {
        __asm__ volatile("");
    }
}

static _Noreturn int do_sleep(void)
{
    for (;;) {
        pause();
    }
}

/* Standard input to standard output. */
static int do_cat(void)
{
    static char buf[65536];
    ssize_t n;

    while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0) {
        if (write(STDOUT_FILENO, buf, (size_t)n) != n) {
            return 1;
        }
    }
    return n < 0;
}

/* Without end; the reader decides. */
static _Noreturn int do_spam(void)
{
    for (;;) {
        puts("0123456789012345678901234567890123456789012345678901234567890123456789");
    }
}

/* All memory, until there is none: either malloc says so or the kernel ends the program. */
static int do_eat(void)
{
    char *p;

    while ((p = malloc(1 << 20))) {
        memset(p, 1, 1 << 20);
    }
    fputs("no memory\n", stderr);
    return 137;
}

/* How many MiB there are, and how many the program gets. Some of it is given back, because to print
 * takes pages, too. */
static int do_room(void)
{
    struct sysinfo info;
    char *p, *last = NULL;
    int got = 0;

    while ((p = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) !=
           MAP_FAILED) {
        memset(p, 1, 1 << 16);
        last = p;
        got++;
    }
    if (last != NULL) {
        munmap(last, 1 << 16);
    }
    return sysinfo(&info) < 0 || printf("%lu %d\n", info.totalram >> 20, got >> 4) < 0;
}

static void record(int fd, const char *bytes, size_t size)
{
    if (write(fd, bytes, size) != (ssize_t)size) {
        fprintf(stderr, "taker: a record: %s\n", strerror(errno));
    }
}

#define RECORD(fd, text) record((fd), text, sizeof(text) - 1)

/* Text of all kinds on both streams, and records of all kinds. */
static int do_give(void)
{
    int fd = open(HV_RECORD_DEVICE, O_WRONLY);

    fputs("h\u00e9 \"\\\t\x01\x7f\n", stdout);
    fputs("\xff\xed\xa0\x80\xc0\xafz\xe2\x82", stderr);
    RECORD(fd, "result\0{\"data\":\n{\"text/plain\": \"1\"}}\r\n");
    RECORD(fd, "empty\0");
    RECORD(fd, "empty object\0 { }");
    RECORD(fd, "a \"list\"\0[1.5e+3, [], {\"\": null}, \"\\ud800\"]");
    RECORD(fd, "two kinds\0{\"a\": 1, \"kind\": 2}");
    RECORD(fd, "no JSON\0{\"a\": 1,}");
    RECORD(fd, "bytes\0\0\xff\xfe");
    RECORD(fd, "error\0{\"name\": \"E\", \"value\": \"v\"}");
    return 4;
}

/* Records of one byte, without end. */
static _Noreturn int do_give_spam(void)
{
    int fd = open(HV_RECORD_DEVICE, O_WRONLY);

    for (;;) {
        RECORD(fd, "k\0");
    }
}

static void on_int(int signo)
{
    (void)signo;
}

static int do_interrupt(void)
{
    struct sigaction action = {.sa_handler = on_int};

    sigaction(SIGINT, &action, NULL);
    puts("ready");
    fflush(stdout);
    pause();
    puts("interrupted");
    return 7;
}

static int do_stubborn(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    puts("ready");
    fflush(stdout);
    return do_loop();
}

/* Fails from the second run on if anything of the first is left. */
static int do_mark(void)
{
    static int marked;
    int fd = open("/tmp-mark", O_CREAT | O_EXCL | O_WRONLY, 0600);

    if (marked++ || fd < 0) {
        return 1;
    }
    puts("clean");
    return 0;
}

/* 1000 system calls through a site that the image's index knows. */
static int do_getppid(void)
{
    for (int n = 0; n < 1000; n++) {
        getppid();
    }
    return do_print();
}

/* And ten from generated code (mov $110, %eax; syscall; ret), which nobody can have rewritten. */
static int do_generated(void)
{
    static const unsigned char code[] = {0xb8, 110, 0, 0, 0, 0x0f, 0x05, 0xc3};
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long (*function)(void);

    if (p == MAP_FAILED) {
        return 1;
    }
    memcpy(p, code, sizeof(code));
    memcpy(&function, &p, sizeof(p));
    if (mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0) {
        return 1;
    }
    for (int n = 0; n < 10; n++) {
        if (function() != getppid()) {
            return 1;
        }
    }
    return do_print();
}

/* Makes a call of a function of the host: the word is NAME or NAME=ARGUMENTS. */
static int make_call(char *word, int flags)
{
    char *equals = strchr(word, '=');
    size_t size = strlen(word) + (equals == NULL);
    int fd = open(HV_TOOL_DEVICE, O_RDWR | O_CLOEXEC | flags);

    if (equals != NULL) {
        *equals = 0;
    }
    if (fd < 0 || write(fd, word, size) != (ssize_t)size) {
        printf("%s: no call: %s\n", word, strerror(errno));
        exit(1);
    }
    return fd;
}

static void take_reply(const char *name, int fd)
{
    static char reply[sizeof(struct hv_reply) + HV_REPLY_MAX + 1];
    const struct hv_reply *head = (const void *)reply;
    const char *bytes = reply + sizeof(*head);
    size_t size = 0;
    ssize_t n;

    while ((n = read(fd, reply + size, sizeof(reply) - 1 - size)) > 0) {
        size += (size_t)n;
    }
    close(fd);
    reply[size] = 0;
    if (n < 0 || size < sizeof(*head)) {
        printf("%s: no reply: %s\n", name, strerror(errno));
    } else if (head->failed) {
        printf("%s failed: %s: %s\n", name, bytes, bytes + strlen(bytes) + 1);
    } else if (head->size > 100) {
        printf("%s: %llu bytes\n", name, (unsigned long long)head->size);
    } else {
        printf("%s: %s\n", name, bytes);
    }
}

/* Makes a call for each argument, all at once, and prints their replies. */
static int do_calls(void)
{
    static char *words[256];
    static int fds[256];
    const size_t count = runframe_strings(frame, frame_size, HV_RECORD_ARGV, words, 256);

    for (size_t i = 1; i < count; i++) {
        fds[i] = make_call(words[i], 0);
    }
    for (size_t i = 1; i < count; i++) {
        take_reply(words[i], fds[i]);
    }
    return 0;
}

/* Computes until the reply is there. */
static int do_busy(void)
{
    static char *words[2];
    struct pollfd pfd = {.events = POLLIN};

    runframe_strings(frame, frame_size, HV_RECORD_ARGV, words, 2);
    pfd.fd = make_call(words[1], O_NONBLOCK);
    while (poll(&pfd, 1, 0) == 0) {
    }
    take_reply(words[1], pfd.fd);
    return 0;
}

/* A call with so many bytes of arguments. */
static int do_large(void)
{
    static char *words[3];
    size_t size;
    char *word;

    runframe_strings(frame, frame_size, HV_RECORD_ARGV, words, 3);
    size = (size_t)atol(words[2]);
    word = calloc(1, strlen(words[1]) + size + 2);
    memset(stpcpy(stpcpy(word, words[1]), "="), 'x', size);
    take_reply(words[1], make_call(word, 0));
    return 0;
}

/* Ends with calls left open. */
static int do_leave(void)
{
    static char *words[2];

    runframe_strings(frame, frame_size, HV_RECORD_ARGV, words, 2);
    make_call(words[1], 0);
    puts("left");
    return 0;
}

/* Does what each argument says (taker_files.c), up to the first that fails. */
static int do_files(void)
{
    static char *words[256];
    const size_t count = runframe_strings(frame, frame_size, HV_RECORD_ARGV, words, 256);
    size_t length;
    const char *cwd = runframe_bytes(frame, frame_size, HV_RECORD_CWD, &length);

    if (files_enter(cwd) < 0) {
        return 1;
    }
    for (size_t i = 1; i < count; i++) {
        if (files_act(words[i]) < 0) {
            return 1;
        }
    }
    return 0;
}

/* Names and schemas. */
static int do_tools(void)
{
    print_list("tool", HV_RECORD_TOOLS);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(void);
} commands[] = {
    {"print(1)", do_print},  {"show", do_show},           {"fail", do_fail},
    {"segv", do_segv},       {"loop", do_loop},           {"sleep", do_sleep},
    {"cat", do_cat},         {"spam", do_spam},           {"eat", do_eat},
    {"mark", do_mark},       {"interrupt", do_interrupt}, {"stubborn", do_stubborn},
    {"getppid", do_getppid}, {"generated", do_generated}, {"print('1')", do_print},
    {"calls", do_calls},     {"busy", do_busy},           {"large", do_large},
    {"leave", do_leave},     {"tools", do_tools},         {"room", do_room},
    {"files", do_files},     {"give", do_give},           {"give spam", do_give_spam},
};

static int take_run(void)
{
    int fd = open(HV_RUN_DEVICE, O_RDONLY);
    const char *wrong;
    ssize_t n;

    if (fd < 0) {
        fprintf(stderr, "taker: %s: %s\n", HV_RUN_DEVICE, strerror(errno));
        return -1;
    }
    while (frame_size < sizeof(frame) &&
           (n = read(fd, frame + frame_size, sizeof(frame) - frame_size)) > 0) {
        frame_size += (size_t)n;
    }
    close(fd);
    wrong = runframe_check(frame, frame_size);
    if (wrong != NULL) {
        fprintf(stderr, "taker: bad run frame: %s\n", wrong);
        return -1;
    }
    return 0;
}

int main(void)
{
    const char *source;
    size_t len;

    if (take_run() < 0) {
        return 99;
    }
    source = runframe_bytes(frame, frame_size, HV_RECORD_SOURCE, &len);
    while (len > 0 && source[len - 1] == '\n') {
        len--;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (len == strlen(commands[i].name) && memcmp(source, commands[i].name, len) == 0) {
            return commands[i].run();
        }
    }
    return len == 0 ? 0 : 98;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Replays a corpus without a fuzzing engine: the inputs of PROGRAM.hex, one per
 * line in hexadecimal, # begins a comment; or the files that are named, as they
 * are. For make check, and for looking at what an engine has found.
 */
#include <config.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A copy of its own size, so that a sanitizer sees its end. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy) {
        exit(EXIT_FAILURE);
    }
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

/* Whether the line was an input. */
static int run_line(const char *line)
{
    size_t n = 0, len = strlen(line);
    uint8_t *data = malloc(len + 1);

    for (; data && digit(line[0]) >= 0 && digit(line[1]) >= 0; line += 2) {
        data[n++] = (uint8_t)(digit(line[0]) << 4 | digit(line[1]));
    }
    if (n) {
        run(data, n);
    }
    free(data);
    return n > 0;
}

static int run_hex(const char *name)
{
    const char *top = getenv("top_srcdir");
    char path[4096];
    char *line = NULL;
    size_t cap = 0;
    int inputs = 0;
    FILE *f;

    snprintf(path, sizeof(path), "%s/tests/fuzz/%s.hex", top ? top : ".", name);
    f = fopen(path, "r");
    if (!f) {
        perror(path);
        return EXIT_FAILURE;
    }
    while (getline(&line, &cap, f) > 0) {
        inputs += run_line(line);
    }
    free(line);
    fclose(f);
    printf("%s: %d inputs\n", name, inputs);
    return inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_file(const char *path)
{
    static uint8_t data[INPUT_MAX];
    FILE *f = fopen(path, "r");

    if (!f) {
        perror(path);
        return EXIT_FAILURE;
    }
    run(data, fread(data, 1, sizeof(data), f));
    fclose(f);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    const char *name = program_invocation_short_name;
    int ret = EXIT_SUCCESS;

    if (argc == 1) {
        return run_hex(strncmp(name, "lt-", 3) ? name : name + 3);
    }
    for (int i = 1; i < argc; i++) {
        ret |= run_file(argv[i]);
    }
    return ret;
}

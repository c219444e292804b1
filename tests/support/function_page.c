/* SPDX-License-Identifier: Apache-2.0 */

/* Writes docs/FUNCTIONS.md from the tables of functions. */

#include <stdio.h>
#include <string.h>

#include "exec/plan/function_list.h"

static void put_escaped(const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            putchar('\\');
        putchar(*text);
    }
}

static void put_kind(const FunctionInfo *list, size_t n, const char *kind, const char *title)
{
    char usage[160];
    printf("\n## %s\n\n| function | |\n|---|---|\n", title);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].kind, kind) != 0)
            continue;
        function_usage(&list[i], usage, sizeof(usage));
        printf("| `");
        /* Operators and words like CASE say in their usage where they stand. */
        if (usage[0] == '(')
            put_escaped(list[i].name);
        put_escaped(usage);
        printf("` | ");
        put_escaped(list[i].meaning ? list[i].meaning : "");
        printf(" |\n");
    }
}

int main(void)
{
    static FunctionInfo list[FUNCTIONS_MAX];
    size_t n = function_list(list);
    const char *name, *why;

    printf(
        "# Functions\n\nMade by `build/tests/support/function_page > docs/FUNCTIONS.md` from the "
        "tables in `exec/plan`; a lint compares. Behaviour, types, names\nand errors are those "
        "of Spark 4. `SHOW FUNCTIONS` and `DESCRIBE FUNCTION name` say the same. %zu names.\n",
        n);
    put_kind(list, n, "scalar", "Values");
    put_kind(list, n, "nested", "Arrays, maps, structs, JSON");
    put_kind(list, n, "generator", "Generators");
    put_kind(list, n, "aggregate", "Aggregates");
    put_kind(list, n, "window", "Windows");
    printf("\n## Not here\n\nThese of Spark are refused, with the reason.\n\n| function | "
           "|\n|---|---|\n");
    for (size_t i = 0; (name = function_refused_at(i, &why)); i++)
        printf("| `%s` | %s |\n", name, why);
    return 0;
}

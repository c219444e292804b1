/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/plan/function_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_nested.h"
#include "exec/plan/bind_sketch.h"
#include "exec/plan/function_table.h"

/* Those of Spark that are left out on purpose. */
static const struct {
    const char *name, *why;
} refused[] = {
    {"aes_decrypt", "cryptography is left to programs that keep keys"},
    {"aes_encrypt", "cryptography is left to programs that keep keys"},
    {"collate", "strings have one collation, UTF8_BINARY"},
    {"collation", "strings have one collation, UTF8_BINARY"},
    {"collations", "strings have one collation, UTF8_BINARY"},
    {"current_user", "the executor knows its user by a number only"},
    {"from_avro", "Avro is not read"},
    {"from_protobuf", "protocol buffers are not read"},
    {"from_xml", "XML is not read"},
    {"input_file_block_length", "rows do not keep the file that they came from"},
    {"input_file_block_start", "rows do not keep the file that they came from"},
    {"input_file_name", "rows do not keep the file that they came from"},
    {"is_variant_null", "there is no type VARIANT"},
    {"java_method", "there is no Java here"},
    {"make_interval", "there is no type of intervals that has both months and days"},
    {"parse_json", "there is no type VARIANT"},
    {"reflect", "there is no Java here"},
    {"schema_of_avro", "Avro is not read"},
    {"schema_of_variant", "there is no type VARIANT"},
    {"schema_of_variant_agg", "there is no type VARIANT"},
    {"schema_of_xml", "XML is not read"},
    {"session_user", "the executor knows its user by a number only"},
    {"to_avro", "Avro is not written"},
    {"to_csv", "CSV is written to files only"},
    {"to_protobuf", "protocol buffers are not written"},
    {"to_variant_object", "there is no type VARIANT"},
    {"to_xml", "XML is not written"},
    {"try_aes_decrypt", "cryptography is left to programs that keep keys"},
    {"try_make_interval", "there is no type of intervals that has both months and days"},
    {"try_parse_json", "there is no type VARIANT"},
    {"try_reflect", "there is no Java here"},
    {"try_variant_get", "there is no type VARIANT"},
    {"user", "the executor knows its user by a number only"},
    {"variant_explode", "there is no type VARIANT"},
    {"variant_explode_outer", "there is no type VARIANT"},
    {"variant_get", "there is no type VARIANT"},
    {"xpath", "XML is not read"},
    {"xpath_boolean", "XML is not read"},
    {"xpath_double", "XML is not read"},
    {"xpath_float", "XML is not read"},
    {"xpath_int", "XML is not read"},
    {"xpath_long", "XML is not read"},
    {"xpath_number", "XML is not read"},
    {"xpath_short", "XML is not read"},
    {"xpath_string", "XML is not read"},
};

const char *function_refused(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
        if (strcmp(refused[i].name, name) == 0)
            return refused[i].why;
    return NULL;
}

const char *function_refused_at(size_t i, const char **ret_why)
{
    if (i >= ARRAY_SIZE(refused))
        return NULL;
    *ret_why = refused[i].why;
    return refused[i].name;
}

typedef struct List {
    FunctionInfo *items;
    size_t n;
} List;

static void add(List *list, FunctionInfo f)
{
    /* Names of our own have a sign or a blank in them; operators have no letter. */
    if (list->n < FUNCTIONS_MAX && f.name[0] != '#' && !strchr(f.name, ' '))
        list->items[list->n++] = f;
    else
        return;
    const FunctionText *text = f.usage ? NULL : function_text(f.name);
    if (text) {
        list->items[list->n - 1].usage = text->usage;
        list->items[list->n - 1].meaning = text->meaning;
    }
}

static int by_name(const void *a, const void *b)
{
    const FunctionInfo *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    /* Of two with one name the one that says more comes first. */
    return order ? order : (x->meaning ? 0 : 1) - (y->meaning ? 0 : 1);
}

size_t function_list(FunctionInfo ret[FUNCTIONS_MAX])
{
    List list = {.items = ret};
    const FunctionSigned *f;
    const FunctionRow *row;
    FunctionInfo info;
    const char *name;

    for (size_t i = 0; (f = function_signed_row(i)); i++) {
        info = (FunctionInfo){f->name, "scalar", f->usage, f->meaning, 0, 0};
        function_signed_arity(f, &info.min_args, &info.max_args);
        add(&list, info);
    }
    for (size_t i = 0; (row = function_row(i)); i++)
        if (row->rule != RULE_REWRITE || strcmp(row->name, "timestamp_of_session") != 0)
            add(&list,
                (FunctionInfo){row->name, "scalar", NULL, NULL, row->min_args, row->max_args});
    for (size_t i = 0; (name = bind_nested_name_at(i, &info.min_args, &info.max_args)); i++)
        add(&list, (FunctionInfo){name, "nested", NULL, NULL, info.min_args, info.max_args});
    for (size_t i = 0; (name = bind_generator_name_at(i)); i++)
        add(&list, (FunctionInfo){name, "generator", NULL, NULL, 255, 255});
    for (size_t i = 0; (name = bind_window_name_at(i, &info.min_args, &info.max_args)); i++)
        add(&list, (FunctionInfo){name, "window", NULL, NULL, info.min_args, info.max_args});
    for (size_t i = 0; (name = aggregate_name_at(i)); i++)
        add(&list, (FunctionInfo){name, "aggregate", NULL, NULL, 255, 255});
    for (size_t i = 0; (name = bind_sketch_name_at(i, &info.kind, &info.usage, &info.meaning)); i++)
        add(&list, (FunctionInfo){name, info.kind, info.usage, info.meaning, 255, 255});
    qsort(list.items, list.n, sizeof(list.items[0]), by_name);
    size_t n = 0;
    for (size_t i = 0; i < list.n; i++)
        if (n == 0 || strcmp(ret[n - 1].name, ret[i].name) != 0)
            ret[n++] = ret[i];
    return n;
}

const char *function_usage(const FunctionInfo *f, char *buf, size_t size)
{
    if (f->usage)
        snprintf(buf, size, "%s", f->usage);
    else if (f->min_args == 255)
        snprintf(buf, size, "(...)");
    else if (f->max_args == 0)
        snprintf(buf, size, "()");
    else if (f->max_args == 255)
        snprintf(buf, size, "(%u or more arguments)", f->min_args);
    else if (f->min_args == f->max_args)
        snprintf(buf, size, "(%u argument%s)", f->min_args, f->min_args == 1 ? "" : "s");
    else
        snprintf(buf, size, "(%u to %u arguments)", f->min_args, f->max_args);
    return buf;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Constructors of the unresolved tree; the depth rule lives here. */

#include "exec/plan/unresolved.h"

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

void *ubuilder_fail(UBuilder *b, int r)
{
    if (b->result == 0)
        b->result = r;
    return NULL;
}

void *ubuilder_too_deep(UBuilder *b)
{
    if (b->result != 0)
        return NULL;
    return ubuilder_fail(b, query_error_set(b->error, DATA_ERROR_PARSE,
                                            "FAILED_TO_PARSE_TOO_COMPLEX", "54001",
                                            "The statement, including potential SQL functions and "
                                            "referenced views, was too complex: it nests deeper "
                                            "than %u levels.",
                                            UNRESOLVED_DEPTH_MAX));
}

void *ubuilder_alloc(UBuilder *b, size_t n, size_t size)
{
    if (b->result != 0)
        return NULL;
    if (n > UNRESOLVED_CHILDREN_MAX)
        return ubuilder_too_deep(b);
    void *p = mem_arena_zalloc(b->arena, n * size > 0 ? n * size : 1, 16);
    if (!p)
        return ubuilder_fail(b, mem_arena_error(b->arena));
    return p;
}

char *ubuilder_strndup(UBuilder *b, const char *text, size_t n)
{
    if (b->result != 0)
        return NULL;
    char *p = mem_arena_strndup(b->arena, text, n);
    if (!p)
        return ubuilder_fail(b, mem_arena_error(b->arena));
    return p;
}

void *ubuilder_dup(UBuilder *b, const void *items, size_t n, size_t size)
{
    void *p = ubuilder_alloc(b, n, size);
    if (p && n > 0)
        memcpy(p, items, n * size);
    return p;
}

UExpr *uexpr_new(UBuilder *b, UExprKind kind, UExpr *const *args, uint32_t n_args)
{
    UExpr *e = ubuilder_alloc(b, 1, sizeof(*e));
    if (!e)
        return NULL;
    e->kind = kind;
    e->plan_id = UNRESOLVED_NO_PLAN_ID;
    e->n_args = n_args;
    unsigned depth = 0;
    if (n_args > 0) {
        e->args = ubuilder_dup(b, args, n_args, sizeof(*args));
        if (!e->args)
            return NULL;
        for (uint32_t i = 0; i < n_args; i++)
            depth = MAX(depth, args[i]->depth);
        e->position = args[0]->position;
        e->stop = args[n_args - 1]->stop;
    }
    if (depth + 1 > UNRESOLVED_DEPTH_MAX)
        return ubuilder_too_deep(b);
    e->depth = depth + 1;
    return e;
}

UExpr *uexpr_literal(UBuilder *b, Type type, Literal literal)
{
    UExpr *e = uexpr_new(b, UEXPR_LITERAL, NULL, 0);
    if (!e)
        return NULL;
    e->type = type;
    e->literal = literal;
    return e;
}

UExpr *uexpr_null(UBuilder *b)
{
    return uexpr_literal(b, TYPE(NULL), (Literal){.is_null = true});
}

UExpr *uexpr_int(UBuilder *b, int64_t value)
{
    return uexpr_literal(b, value == (int32_t)value ? TYPE(INT) : TYPE(LONG),
                         (Literal){.i = value});
}

UExpr *uexpr_bool(UBuilder *b, bool value)
{
    return uexpr_literal(b, TYPE(BOOLEAN), (Literal){.b = value});
}

UExpr *uexpr_string(UBuilder *b, const char *text, size_t n)
{
    char *copy = ubuilder_strndup(b, text, n);
    if (!copy)
        return NULL;
    return uexpr_literal(b, TYPE(STRING), (Literal){.s = vec_string(copy, (uint32_t)n)});
}

UExpr *uexpr_call(UBuilder *b, const char *name, UExpr *const *args, uint32_t n_args)
{
    UExpr *e = uexpr_new(b, UEXPR_CALL, args, n_args);
    if (!e)
        return NULL;
    char *lower = ubuilder_strndup(b, name, strlen(name));
    if (!lower)
        return NULL;
    for (char *p = lower; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p += 'a' - 'A';
    e->name = lower;
    return e;
}

UExpr *uexpr_call1(UBuilder *b, const char *name, UExpr *a)
{
    return a ? uexpr_call(b, name, &a, 1) : NULL;
}

UExpr *uexpr_call2(UBuilder *b, const char *name, UExpr *a, UExpr *c)
{
    return a && c ? uexpr_call(b, name, (UExpr *[]){a, c}, 2) : NULL;
}

UExpr *uexpr_chain(UBuilder *b, const char *name, UExpr *const *args, uint32_t n_args)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_args; i++) {
        bool same = args[i]->kind == UEXPR_CALL && strcmp(args[i]->name, name) == 0;
        n += same ? args[i]->n_args : 1;
    }
    UExpr **flat = ubuilder_alloc(b, n, sizeof(*flat));
    if (!flat)
        return NULL;
    n = 0;
    for (uint32_t i = 0; i < n_args; i++) {
        if (args[i]->kind == UEXPR_CALL && strcmp(args[i]->name, name) == 0) {
            for (uint32_t k = 0; k < args[i]->n_args; k++)
                flat[n++] = args[i]->args[k];
        } else {
            flat[n++] = args[i];
        }
    }
    return uexpr_call(b, name, flat, n);
}

UExpr *uexpr_alias(UBuilder *b, UExpr *e, const char *name)
{
    if (!e)
        return NULL;
    UExpr *alias = uexpr_new(b, UEXPR_ALIAS, &e, 1);
    if (!alias)
        return NULL;
    alias->name = ubuilder_strndup(b, name, strlen(name));
    return alias->name ? alias : NULL;
}

UExpr *uexpr_cast(UBuilder *b, UExpr *e, Type type, bool try_cast)
{
    if (!e)
        return NULL;
    UExpr *cast = uexpr_new(b, UEXPR_CAST, &e, 1);
    if (!cast)
        return NULL;
    cast->type = type;
    cast->try_cast = try_cast;
    return cast;
}

UExpr *uexpr_column(UBuilder *b, const char *const *parts, uint32_t n_parts)
{
    UExpr *e = uexpr_new(b, UEXPR_COLUMN, NULL, 0);
    if (!e)
        return NULL;
    e->parts = ubuilder_alloc(b, n_parts, sizeof(*e->parts));
    if (!e->parts)
        return NULL;
    e->n_parts = n_parts;
    for (uint32_t i = 0; i < n_parts; i++) {
        e->parts[i] = ubuilder_strndup(b, parts[i], strlen(parts[i]));
        if (!e->parts[i])
            return NULL;
    }
    return e;
}

UExpr *uexpr_subquery(UBuilder *b, USubqueryKind kind, const URel *query, UExpr *const *args,
                      uint32_t n_args)
{
    if (!query)
        return NULL;
    UExpr *e = uexpr_new(b, UEXPR_SUBQUERY, args, n_args);
    if (!e)
        return NULL;
    e->subquery_kind = kind;
    e->query = query;
    if (query->depth + 1u > UNRESOLVED_DEPTH_MAX)
        return ubuilder_too_deep(b);
    e->depth = MAX(e->depth, query->depth + 1);
    return e;
}

URel *urel_new(UBuilder *b, URelKind kind)
{
    URel *rel = ubuilder_alloc(b, 1, sizeof(*rel));
    if (!rel)
        return NULL;
    rel->kind = kind;
    rel->plan_id = UNRESOLVED_NO_PLAN_ID;
    return rel;
}

URel *urel_files(UBuilder *b, const char *format, const char *path)
{
    URel *rel = urel_new(b, UREL_FILES);
    char *lower = ubuilder_strndup(b, format, strlen(format));

    if (!rel || !lower)
        return NULL;
    for (char *c = lower; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c += 'a' - 'A';
    rel->format = lower;
    rel->paths = ubuilder_dup(b, &path, 1, sizeof(path));
    rel->n_paths = 1;
    return rel->paths ? rel : NULL;
}

URel *urel_named(UBuilder *b, const char **parts, uint32_t n)
{
    static const char *const formats[] = {"parquet", "csv",   "json", "orc",
                                          "text",    "arrow", "avro", "delta"};

    for (size_t i = 0; n == 2 && i < ARRAY_SIZE(formats); i++)
        if (strcasecmp(formats[i], parts[0]) == 0)
            return urel_files(b, parts[0], parts[1]);
    URel *rel = urel_new(b, UREL_TABLE);
    if (!rel)
        return NULL;
    rel->parts = parts;
    rel->n_parts = n;
    return rel;
}

static unsigned depth_of_exprs(UExpr *const *exprs, uint32_t n, unsigned depth)
{
    for (uint32_t i = 0; i < n; i++)
        if (exprs[i])
            depth = MAX(depth, exprs[i]->depth);
    return depth;
}

URel *urel_seal(UBuilder *b, URel *rel)
{
    if (!rel || b->result != 0)
        return NULL;
    unsigned depth = 0;
    if (rel->input)
        depth = MAX(depth, rel->input->depth);
    if (rel->right)
        depth = MAX(depth, rel->right->depth);
    for (uint32_t i = 0; i < rel->n_inputs; i++)
        depth = MAX(depth, rel->inputs[i]->depth);
    depth = depth_of_exprs(rel->exprs, rel->n_exprs, depth);
    depth = depth_of_exprs(rel->groups, rel->n_groups, depth);
    depth = depth_of_exprs(rel->pivots, rel->n_pivots, depth);
    depth = depth_of_exprs(rel->values, rel->n_values, depth);
    depth = depth_of_exprs(&rel->condition, 1, depth);
    depth = depth_of_exprs(&rel->offset, 1, depth);
    for (uint32_t i = 0; i < rel->n_keys; i++)
        depth = MAX(depth, rel->keys[i].expr->depth);
    if (depth + 1 > UNRESOLVED_DEPTH_MAX)
        return ubuilder_too_deep(b);
    rel->depth = depth + 1;
    return rel;
}

#define NAME_PARTS_MAX 16u

int unresolved_split_name(UBuilder *b, const char *name, size_t n, const char ***ret_parts,
                          uint32_t *ret_n)
{
    const char *parts[NAME_PARTS_MAX];
    uint32_t n_parts = 0;
    size_t i = 0;
    for (;;) {
        char *buf = ubuilder_alloc(b, n - i + 1, 1);
        if (!buf)
            return b->result;
        size_t length = 0;
        bool quoted = i < n && name[i] == '`';
        if (quoted) {
            for (i++; i < n; i++) {
                if (name[i] == '`') {
                    if (i + 1 < n && name[i + 1] == '`')
                        i++;
                    else
                        break;
                }
                buf[length++] = name[i];
            }
            if (i >= n)
                goto bad;
            i++;
        } else {
            for (; i < n && name[i] != '.' && name[i] != '`'; i++)
                buf[length++] = name[i];
        }
        if ((length == 0 && !quoted) || n_parts == NAME_PARTS_MAX || memchr(buf, 0, length))
            goto bad;
        parts[n_parts++] = buf;
        if (i == n)
            break;
        if (name[i] != '.')
            goto bad;
        i++;
    }
    *ret_parts = ubuilder_dup(b, parts, n_parts, sizeof(*parts));
    if (!*ret_parts)
        return b->result;
    *ret_n = n_parts;
    return 0;
bad:
    ubuilder_fail(b, query_error_set(b->error, DATA_ERROR_ANALYSIS, "INVALID_ATTRIBUTE_NAME_SYNTAX",
                                     "42000",
                                     "Syntax error in the attribute name: %.*s. Check that "
                                     "backticks appear in pairs, a quoted string is a complete "
                                     "name part and use a backtick only inside quoted name parts.",
                                     (int)MIN(n, (size_t)200), name));
    return b->result;
}

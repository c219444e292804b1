/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/plan/explain.h"
#include "exec/plan/source_format.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/datetime.h"
#include "exec/vec/interval.h"
#include "exec/plan/expr_build.h"
#include "exec/plan/function_table.h"

#define LIST_ITEMS_MAX 25u
#define STRING_BYTES_MAX 100u
#define EXPR_DEPTH_SHOWN 40u

static void print_decimal(FILE *out, Type type, const Literal *literal)
{
    __int128 v = literal_decimal(type, literal);
    bool negative = v < 0;
    unsigned __int128 u = negative ? -(unsigned __int128)v : (unsigned __int128)v;
    char digits[48];
    int n = 0;
    do {
        digits[n++] = (char)('0' + (int)(u % 10));
        u /= 10;
    } while (u > 0 || n <= type.scale);
    if (negative)
        fputc('-', out);
    while (n > 0) {
        if (n == type.scale)
            fputc('.', out);
        fputc(digits[--n], out);
    }
}

static void print_literal(FILE *out, Type type, const Literal *literal)
{
    char buf[96];
    if (literal->is_null) {
        fputs("null", out);
        return;
    }
    switch (type.kind) {
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_STRUCT: /* what is in it only the evaluator can write */
        fprintf(out, "[%s]", type_format(type, buf, sizeof(buf)));
        break;
    case TYPE_BOOLEAN:
        fputs(literal->b ? "true" : "false", out);
        break;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        fprintf(out, "%.15g", literal->d);
        break;
    case TYPE_STRING:
    case TYPE_BINARY:
        fwrite(vec_string_data(&literal->s), 1, MIN(literal->s.length, STRING_BYTES_MAX), out);
        break;
    case TYPE_DECIMAL:
        print_decimal(out, type, literal);
        break;
    case TYPE_DATE:
        plan_format_date(literal->i, buf, sizeof(buf));
        fputs(buf, out);
        break;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ:
        plan_format_timestamp(literal->i, buf, sizeof(buf));
        fputs(buf, out);
        break;
    case TYPE_INTERVAL_YM:
    case TYPE_INTERVAL_DT:
        fprintf(out, "%.*s", (int)interval_format(type, literal->i, buf), buf);
        break;
    default:
        fprintf(out, "%lld", (long long)literal->i);
    }
}

typedef struct Columns {
    const PlanNode *left, *right;
} Columns;

static void print_column(FILE *out, uint32_t column, const Columns *c)
{
    uint32_t n_left = c->left ? c->left->n_fields : 0;
    const PlanField *f = NULL;
    if (column < n_left)
        f = &c->left->fields[column];
    else if (c->right && column - n_left < c->right->n_fields)
        f = &c->right->fields[column - n_left];
    if (f)
        fprintf(out, "%.100s#%u", f->name, column);
    else
        fprintf(out, "#%u", column);
}

static void print_expr(FILE *out, const Expr *e, const Columns *c, unsigned depth);

static void print_args(FILE *out, const Expr *e, const Columns *c, unsigned depth, uint32_t from)
{
    for (uint32_t i = from; i < e->n_args; i++) {
        if (i > from)
            fputs(", ", out);
        if (i - from >= LIST_ITEMS_MAX) {
            fprintf(out, "... %u more", e->n_args - i);
            break;
        }
        print_expr(out, e->args[i], c, depth);
    }
}

static void print_call(FILE *out, const Expr *e, const Columns *c, unsigned depth)
{
    const char *op = function_operator(e->function);
    if (op && e->n_args == 2) {
        fputc('(', out);
        print_expr(out, e->args[0], c, depth);
        fprintf(out, " %s ", op);
        print_expr(out, e->args[1], c, depth);
        fputc(')', out);
    } else if (e->function == FN_NOT) {
        fputs("NOT ", out);
        print_args(out, e, c, depth, 0);
    } else {
        fprintf(out, "%s(", function_name(e->function));
        print_args(out, e, c, depth, 0);
        fputc(')', out);
    }
}

static void print_expr(FILE *out, const Expr *e, const Columns *c, unsigned depth)
{
    char buf[128];
    if (depth > EXPR_DEPTH_SHOWN) {
        fputs("...", out);
        return;
    }
    switch (e->kind) {
    case EXPR_COLUMN:
        print_column(out, e->column, c);
        break;
    case EXPR_VARIABLE:
        fprintf(out, "lambda#%u", e->column);
        break;
    case EXPR_LAMBDA:
        fputs("lambdafunction(", out);
        print_args(out, e, c, depth + 1, 0);
        fputc(')', out);
        break;
    case EXPR_LITERAL:
        print_literal(out, e->type, &e->literal);
        break;
    case EXPR_CAST:
        fputs(e->try_cast ? "try_cast(" : "cast(", out);
        print_expr(out, e->args[0], c, depth + 1);
        fprintf(out, " as %s)", type_format(e->type, buf, sizeof(buf)));
        break;
    case EXPR_CASE:
        fputs("CASE", out);
        for (uint32_t i = 0; i + 1 < e->n_args; i += 2) {
            fputs(" WHEN ", out);
            print_expr(out, e->args[i], c, depth + 1);
            fputs(" THEN ", out);
            print_expr(out, e->args[i + 1], c, depth + 1);
        }
        if (e->n_args % 2 == 1) {
            fputs(" ELSE ", out);
            print_expr(out, e->args[e->n_args - 1], c, depth + 1);
        }
        fputs(" END", out);
        break;
    case EXPR_IN:
        print_expr(out, e->args[0], c, depth + 1);
        fputs(" IN (", out);
        print_args(out, e, c, depth + 1, 1);
        fputc(')', out);
        break;
    default:
        print_call(out, e, c, depth + 1);
    }
}

void plan_print_expr(FILE *out, const Expr *e, const PlanNode *left, const PlanNode *right)
{
    print_expr(out, e, &(Columns){left, right}, 0);
}

const char *plan_kind_name(const PlanNode *node)
{
    static const char *const names[_PLAN_KIND_MAX] = {[PLAN_SCAN] = "FileScan",
                                                      [PLAN_RANGE] = "Range",
                                                      [PLAN_VALUES] = "LocalTableScan",
                                                      [PLAN_FILTER] = "Filter",
                                                      [PLAN_PROJECT] = "Project",
                                                      [PLAN_JOIN] = "HashJoin",
                                                      [PLAN_AGGREGATE] = "HashAggregate",
                                                      [PLAN_SORT] = "Sort",
                                                      [PLAN_LIMIT] = "GlobalLimit",
                                                      [PLAN_UNION] = "Union",
                                                      [PLAN_DISTINCT] = "Distinct",
                                                      [PLAN_EXPAND] = "Expand",
                                                      [PLAN_SAMPLE] = "Sample",
                                                      [PLAN_REPLICATE] = "Replicate",
                                                      [PLAN_GENERATE] = "Generate",
                                                      [PLAN_WINDOW] = "Window",
                                                      [PLAN_SHARED] = "Shared"};
    if (node->kind == PLAN_SORT && node->sort.limit >= 0)
        return "TakeOrderedAndProject";
    if (node->kind == PLAN_JOIN && node->join.n_keys == 0)
        return node->join.type == JOIN_CROSS ? "CartesianProduct" : "BroadcastNestedLoopJoin";
    return names[node->kind];
}

static const char *join_name(const PlanNode *node)
{
    static const char *const names[] = {
        [JOIN_INNER] = "Inner",   [JOIN_LEFT] = "LeftOuter",       [JOIN_SEMI] = "LeftSemi",
        [JOIN_ANTI] = "LeftAnti", [JOIN_RIGHT] = "RightOuter",     [JOIN_FULL] = "FullOuter",
        [JOIN_CROSS] = "Cross",   [JOIN_RIGHT_SEMI] = "RightSemi", [JOIN_RIGHT_ANTI] = "RightAnti"};
    return names[node->join.type];
}

static void print_list(FILE *out, Expr *const *exprs, uint32_t n, const PlanNode *input)
{
    fputc('[', out);
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            fputs(", ", out);
        if (i >= LIST_ITEMS_MAX) {
            fprintf(out, "... %u more fields", n - i);
            break;
        }
        plan_print_expr(out, exprs[i], input, NULL);
    }
    fputc(']', out);
}

static void print_fields(FILE *out, const PlanNode *node)
{
    fputc('[', out);
    for (uint32_t i = 0; i < node->n_fields; i++) {
        if (i > 0)
            fputs(",", out);
        if (i >= LIST_ITEMS_MAX) {
            fprintf(out, "... %u more fields", node->n_fields - i);
            break;
        }
        fprintf(out, "%.100s#%u", node->fields[i].name, i);
    }
    fputc(']', out);
}

static void print_aggregate(FILE *out, const Aggregate *a, const PlanNode *input)
{
    fprintf(out, "%s(%s", aggregate_name(a->id), a->distinct ? "distinct " : "");
    if (a->arg)
        plan_print_expr(out, a->arg, input, NULL);
    else
        fputc('1', out);
    fputc(')', out);
    if (a->filter) {
        fputs(" FILTER (WHERE ", out);
        plan_print_expr(out, a->filter, input, NULL);
        fputc(')', out);
    }
}

static void print_sort_keys(FILE *out, const SortKey *keys, uint32_t n, const PlanNode *node)
{
    fputc('[', out);
    for (uint32_t i = 0; i < n; i++) {
        const SortKey *k = &keys[i];
        if (i > 0)
            fputs(", ", out);
        plan_print_expr(out, k->expr, node->input, NULL);
        fprintf(out, " %s NULLS %s", k->descending ? "DESC" : "ASC",
                k->nulls_first ? "FIRST" : "LAST");
    }
    fputc(']', out);
}

static void print_keys(FILE *out, const PlanNode *node)
{
    print_sort_keys(out, node->sort.keys, node->sort.n_keys, node);
}

static void print_edge(FILE *out, const WindowEdge *edge, const PlanNode *input)
{
    static const char *const kinds[] = {"UNBOUNDED PRECEDING", "PRECEDING", "CURRENT ROW",
                                        "FOLLOWING", "UNBOUNDED FOLLOWING"};
    if (edge->value)
        plan_print_expr(out, edge->value, input, NULL);
    else if (edge->kind == WINDOW_PRECEDING || edge->kind == WINDOW_FOLLOWING)
        fprintf(out, "%lld ", (long long)edge->offset);
    fputs(edge->value ? "" : kinds[edge->kind], out);
}

static void print_window(FILE *out, const PlanNode *node)
{
    static const char *const functions[] = {"aggregate",    "row_number", "rank",     "dense_rank",
                                            "percent_rank", "cume_dist",  "ntile",    "shift",
                                            "first_value",  "last_value", "nth_value"};
    uint32_t n = node->window.n_partition;
    fputs(" [", out);
    for (uint32_t i = 0; i < node->window.n_functions && i < LIST_ITEMS_MAX; i++) {
        const WindowFunction *f = &node->window.functions[i];
        fputs(i > 0 ? ", " : "", out);
        if (f->id == WINDOW_AGGREGATE) {
            print_aggregate(out, &f->aggregate, node->input);
        } else {
            fprintf(out, "%s(", functions[f->id]);
            if (f->arg)
                plan_print_expr(out, f->arg, node->input, NULL);
            fputc(')', out);
        }
        fputs(f->range ? " RANGE " : " ROWS ", out);
        print_edge(out, &f->start, node->input);
        fputs(" .. ", out);
        print_edge(out, &f->end, node->input);
    }
    fputs("], ", out);
    print_sort_keys(out, node->window.keys, n, node);
    fputs(", ", out);
    print_sort_keys(out, node->window.keys + n, node->window.n_keys - n, node);
    if (node->window.limit > 0)
        fprintf(out, ", %s() <= %lld", functions[node->window.limited_by],
                (long long)node->window.limit);
}

static void print_scan(FILE *out, const PlanNode *node)
{
    fprintf(out, " %s ", node->scan.format);
    print_fields(out, node);
    fputs(" Batched: true, DataFilters: ", out);
    print_list(out, node->scan.filters, node->scan.n_filters, node);
    const SourceInfo *source = node->scan.source;
    uint32_t n_listed = source ? source->n_listed : node->scan.n_files;
    fprintf(out, ", Format: %s, Location: ", source ? source->format->title : node->scan.format);
    if (node->scan.n_files < n_listed)
        fprintf(out, "%u of ", node->scan.n_files);
    fprintf(out, "%u file%s", n_listed, n_listed == 1 ? "" : "s");
    fputs("[", out);
    for (uint32_t i = 0; i < node->scan.n_files && i < 2; i++)
        fprintf(out, "%sfile:%.200s", i ? ", " : "", node->scan.files[i].path);
    fputs(node->scan.n_files > 2 ? ", ...]" : "]", out);
    if (source && source->n_partitions > 0) {
        fputs(", PartitionFilters: ", out);
        print_list(out, node->scan.partition_filters, node->scan.n_partition_filters, node);
    }
    fputs(", ReadSchema: struct<", out);
    char buf[128];
    for (uint32_t i = 0; i < node->n_fields && i < LIST_ITEMS_MAX; i++)
        fprintf(out, "%s%.100s:%s", i ? "," : "", node->fields[i].name,
                type_format(node->fields[i].type, buf, sizeof(buf)));
    fputs(">", out);
}

static void print_node(FILE *out, const PlanNode *node)
{
    fputs(plan_kind_name(node), out);
    switch (node->kind) {
    case PLAN_SCAN:
        print_scan(out, node);
        break;
    case PLAN_RANGE:
        fprintf(out, " (%lld, %lld, step=%lld)", (long long)node->range.start,
                (long long)node->range.end, (long long)node->range.step);
        break;
    case PLAN_VALUES:
        if (node->values.recursion)
            fputs(node->values.level_before ? " (rows of the level before)" : " (recursive)", out);
        fputc(' ', out);
        print_fields(out, node);
        break;
    case PLAN_FILTER:
        fputc(' ', out);
        plan_print_expr(out, node->filter.condition, node->input, NULL);
        break;
    case PLAN_PROJECT:
        fputs(" [", out);
        for (uint32_t i = 0; i < node->n_fields && i < LIST_ITEMS_MAX; i++) {
            const Expr *e = node->project.exprs[i];
            if (i > 0)
                fputs(", ", out);
            plan_print_expr(out, e, node->input, NULL);
            if (e->kind != EXPR_COLUMN)
                fprintf(out, " AS %.100s#%u", node->fields[i].name, i);
        }
        if (node->n_fields > LIST_ITEMS_MAX)
            fprintf(out, ", ... %u more fields", node->n_fields - LIST_ITEMS_MAX);
        fputc(']', out);
        break;
    case PLAN_JOIN:
        if (node->join.n_keys > 0) {
            fputc(' ', out);
            print_list(out, node->join.left_keys, node->join.n_keys, node->input);
            fputs(", ", out);
            print_list(out, node->join.right_keys, node->join.n_keys, node->right);
            fprintf(out, ", %s%s, BuildRight", join_name(node),
                    node->join.null_aware ? " (null aware)" : "");
        } else {
            fprintf(out, " %s", join_name(node));
        }
        if (node->join.residual) {
            fputs(", ", out);
            plan_print_expr(out, node->join.residual, node->input, node->right);
        }
        break;
    case PLAN_AGGREGATE:
        fputs("(keys=", out);
        print_list(out, node->aggregate.groups, node->aggregate.n_groups, node->input);
        fputs(", functions=[", out);
        for (uint32_t i = 0; i < node->aggregate.n_aggregates && i < LIST_ITEMS_MAX; i++) {
            if (i > 0)
                fputs(", ", out);
            print_aggregate(out, &node->aggregate.aggregates[i], node->input);
        }
        fputs("])", out);
        break;
    case PLAN_SORT:
        if (node->sort.limit >= 0) {
            fprintf(out, "(limit=%lld", (long long)node->sort.limit);
            if (node->sort.offset > 0)
                fprintf(out, ", offset=%lld", (long long)node->sort.offset);
            fputs(", orderBy=", out);
            print_keys(out, node);
            fputs(")", out);
        } else {
            fputc(' ', out);
            print_keys(out, node);
            fputs(", true", out);
        }
        break;
    case PLAN_GENERATE:
        fputs(node->generate.position ? " posexplode("
              : node->generate.unpack ? " inline("
                                      : " explode(",
              out);
        plan_print_expr(out, node->generate.array, node->input, NULL);
        fprintf(out, "), %s", node->generate.outer ? "true" : "false");
        break;
    case PLAN_WINDOW:
        print_window(out, node);
        break;
    case PLAN_SHARED:
        fprintf(out, " %u%s", node->shared.plan->number + 1,
                node->shared.first ? "" : ", as above");
        break;
    case PLAN_LIMIT:
        fprintf(out, " %lld", (long long)node->limit.limit);
        if (node->limit.offset > 0)
            fprintf(out, ", offset %lld", (long long)node->limit.offset);
        break;
    default:
        break;
    }
}

typedef struct Printer {
    FILE *out;
    PlanAnnotate annotate;
    void *userdata;
    bool numbers, sizes;
    char prefix[1024];
} Printer;

static void print_children(Printer *p, const PlanNode *node, size_t indent);

static void print_tree(Printer *p, const PlanNode *node, size_t indent, const char *branch)
{
    fprintf(p->out, "%.*s%s", (int)indent, p->prefix, branch);
    if (p->numbers)
        fprintf(p->out, "%s%s (%u)", branch[0] ? "" : "* ", plan_kind_name(node), node->id + 1);
    else
        print_node(p->out, node);
    if (p->sizes)
        fprintf(p->out, ", Statistics(sizeInBytes=%.0f B, rowCount=%.0f)",
                node->rows * node->bytes_per_row, node->rows);
    if (p->annotate)
        p->annotate(p->userdata, p->out, node);
    fputc('\n', p->out);
    if (branch[0] && indent + 3 < sizeof(p->prefix)) {
        memcpy(p->prefix + indent, branch[0] == ':' ? ":  " : "   ", 3);
        indent += 3;
    }
    print_children(p, node, indent);
}

static void print_children(Printer *p, const PlanNode *node, size_t indent)
{
    if (node->kind == PLAN_UNION) {
        for (uint32_t i = 0; i < node->union_all.n_inputs; i++) {
            if (i == 100 && node->union_all.n_inputs > 101) {
                fprintf(p->out, "%.*s:- ... %u more\n", (int)indent, p->prefix,
                        node->union_all.n_inputs - i);
                break;
            }
            print_tree(p, node->union_all.inputs[i], indent,
                       i + 1 < node->union_all.n_inputs ? ":- " : "+- ");
        }
        return;
    }
    if (node->kind == PLAN_SHARED && node->shared.first)
        print_tree(p, node->shared.plan->node, indent, "+- ");
    if (node->input)
        print_tree(p, node->input, indent, node->right ? ":- " : "+- ");
    if (node->right)
        print_tree(p, node->right, indent, "+- ");
}

static void print_details(FILE *out, const PlanNode *node)
{
    if (node->kind == PLAN_UNION) {
        for (uint32_t i = 0; i < node->union_all.n_inputs && i < 100; i++)
            print_details(out, node->union_all.inputs[i]);
    }
    if (node->kind == PLAN_SHARED && node->shared.first)
        print_details(out, node->shared.plan->node);
    if (node->input)
        print_details(out, node->input);
    if (node->right)
        print_details(out, node->right);
    fprintf(out, "\n(%u) %s\nOutput [%u]: ", node->id + 1, plan_kind_name(node), node->n_fields);
    print_fields(out, node);
    fputs("\nArguments: ", out);
    print_node(out, node);
    fputc('\n', out);
}

void plan_explain_annotated(FILE *out, const PlanNode *plan, PlanAnnotate annotate, void *userdata)
{
    Printer p = {.out = out, .annotate = annotate, .userdata = userdata};
    fputs("== Physical Plan ==\n", out);
    print_tree(&p, plan, 0, "");
}

void plan_explain(FILE *out, PlanExplainMode mode, const PlanNode *analysed, const PlanNode *plan)
{
    Printer p = {.out = out};
    char buf[128];
    if (mode == PLAN_EXPLAIN_EXTENDED || mode == PLAN_EXPLAIN_COST) {
        if (mode == PLAN_EXPLAIN_EXTENDED) {
            fputs("== Analyzed Logical Plan ==\n", out);
            for (uint32_t i = 0; i < analysed->n_fields; i++)
                fprintf(out, "%s%.100s: %s", i ? ", " : "", analysed->fields[i].name,
                        type_format(analysed->fields[i].type, buf, sizeof(buf)));
            fputc('\n', out);
            print_tree(&p, analysed, 0, "");
            fputc('\n', out);
        }
        p.sizes = mode == PLAN_EXPLAIN_COST;
        fputs("== Optimized Logical Plan ==\n", out);
        print_tree(&p, plan, 0, "");
        fputc('\n', out);
        p.sizes = false;
    }
    fputs("== Physical Plan ==\n", out);
    p.numbers = mode == PLAN_EXPLAIN_FORMATTED;
    print_tree(&p, plan, 0, "");
    if (mode == PLAN_EXPLAIN_FORMATTED) {
        fputc('\n', out);
        print_details(out, plan);
    }
}

/* ---- printSchema() ---- */

static void print_type(FILE *out, Type type, int depth, int level);

static void print_schema_field(FILE *out, const char *name, Type type, bool nullable,
                               const char *null_word, int depth, int level)
{
    static const char *const words[_TYPE_KIND_MAX] = {
        [TYPE_BYTE] = "byte",    [TYPE_SHORT] = "short", [TYPE_INT] = "integer",
        [TYPE_LONG] = "long",    [TYPE_ARRAY] = "array", [TYPE_MAP] = "map",
        [TYPE_STRUCT] = "struct"};
    char buf[128];
    for (int i = 0; i < depth; i++)
        fputs(" |   ", out);
    fprintf(out, " |-- %s: %s", name,
            words[type.kind] ? words[type.kind] : type_format(type, buf, sizeof(buf)));
    fprintf(out, " (%s = %s)\n", null_word, nullable ? "true" : "false");
    print_type(out, type, depth + 1, level);
}

static void print_type(FILE *out, Type type, int depth, int level)
{
    if (level > 0 && depth >= level)
        return;
    for (int i = 0; i < type.n_children; i++) {
        const TypeField *c = &type.children[i];
        const char *name = type.kind == TYPE_ARRAY ? "element"
                           : type.kind == TYPE_MAP ? (i ? "value" : "key")
                                                   : c->name;
        print_schema_field(out, name, c->type, c->nullable,
                           type.kind == TYPE_ARRAY ? "containsNull"
                           : type.kind == TYPE_MAP ? "valueContainsNull"
                                                   : "nullable",
                           depth, level);
    }
}

void plan_print_schema(FILE *out, const PlanField *fields, uint32_t n, int level)
{
    fputs("root\n", out);
    for (uint32_t i = 0; i < n; i++)
        print_schema_field(out, fields[i].name, fields[i].type, fields[i].nullable, "nullable", 0,
                           level);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "client/variant.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

static int read_array(sd_bus_message *m, char item, Variant *v)
{
    const char type[] = {item, '\0'};
    size_t used = 0;
    int r = sd_bus_message_enter_container(m, 'a', type);
    v->joined[0] = '\0';
    while (r > 0) {
        const char *text = "";
        uint32_t number = 0;
        r = item == 's' ? sd_bus_message_read_basic(m, 's', &text)
                        : sd_bus_message_read_basic(m, 'u', &number);
        if (r <= 0)
            break;
        const char *comma = used ? VARIANT_SEPARATOR : "";
        int n =
            item == 's'
                ? snprintf(v->joined + used, sizeof(v->joined) - used, "%s%s", comma, text)
                : snprintf(v->joined + used, sizeof(v->joined) - used, "%s%" PRIu32, comma, number);
        used = n > 0 && (size_t)n < sizeof(v->joined) - used ? used + (size_t)n
                                                             : sizeof(v->joined) - 1;
    }
    if (r >= 0)
        r = sd_bus_message_exit_container(m);
    v->type = 'a';
    v->item = item;
    v->text = v->joined;
    return r;
}

static int read_value(sd_bus_message *m, const char *type, Variant *v)
{
    union {
        int32_t i;
        uint32_t u;
        int b;
    } raw = {0};
    int r;
    v->type = type[0];
    if (strcmp(type, "as") == 0 || strcmp(type, "au") == 0)
        return read_array(m, type[1], v);
    if (strlen(type) != 1)
        return sd_bus_message_skip(m, type);
    switch (type[0]) {
    case 's':
    case 'o':
        return sd_bus_message_read_basic(m, type[0], &v->text);
    case 't':
        return sd_bus_message_read_basic(m, 't', &v->number);
    case 'u':
    case 'b':
        r = sd_bus_message_read_basic(m, type[0], &raw);
        v->number = raw.u;
        return r;
    case 'i':
        r = sd_bus_message_read_basic(m, 'i', &raw.i);
        v->number = (uint64_t)(int64_t)raw.i;
        return r;
    default:
        v->type = '\0';
        return sd_bus_message_skip(m, type);
    }
}

int variant_next(sd_bus_message *reply, Variant *ret_variant)
{
    const char *type;
    int r;
    do {
        memset(ret_variant, 0, offsetof(Variant, joined));
        r = sd_bus_message_enter_container(reply, 'e', "sv");
        if (r == 0)
            return 0;
        if (r > 0)
            r = sd_bus_message_read_basic(reply, 's', &ret_variant->key);
        if (r > 0)
            r = sd_bus_message_peek_type(reply, NULL, &type);
        if (r > 0)
            r = sd_bus_message_enter_container(reply, 'v', type);
        if (r > 0)
            r = read_value(reply, type, ret_variant);
        if (r >= 0)
            r = sd_bus_message_exit_container(reply);
        if (r >= 0)
            r = sd_bus_message_exit_container(reply);
        if (r < 0)
            return bus_malformed(r);
    } while (ret_variant->type == '\0');
    return 1;
}

void variant_put_text(const char *text)
{
    for (const char *p = text; *p; p++)
        if (*p == VARIANT_SEPARATOR[0])
            fputs(", ", stdout);
        else
            putchar((unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static void print_line(const Variant *v)
{
    char buf[64];
    printf("%22s: ", v->key);
    if (v->text) {
        variant_put_text(*v->text ? v->text : "-");
    } else if (v->type == 'b') {
        fputs(v->number ? "yes" : "no", stdout);
    } else if (v->type == 'i') {
        printf("%" PRIi64, (int64_t)v->number);
    } else if (ends_with(v->key, "Bytes")) {
        fputs(text_format_bytes(buf, sizeof(buf), v->number), stdout);
    } else if (ends_with(v->key, "USec") && v->number > 0) {
        time_t seconds = (time_t)(v->number / USEC_PER_SEC);
        struct tm tm;
        (void)strftime(buf, sizeof(buf), "%Y-%m-%d %H:%M:%S %Z", localtime_r(&seconds, &tm));
        fputs(buf, stdout);
    } else {
        printf("%" PRIu64, v->number);
    }
    putchar('\n');
}

static void print_json_array(JsonWriter *w, const Variant *v)
{
    json_begin_array(w);
    for (const char *p = v->text; *p;) {
        size_t n = strcspn(p, VARIANT_SEPARATOR);
        if (v->item == 's')
            json_string_n(w, p, n);
        else
            json_u64(w, strtoul(p, NULL, 10));
        p += n + (p[n] != '\0');
    }
    json_end_array(w);
}

static void print_json(JsonWriter *w, const Variant *v)
{
    json_key(w, v->key);
    if (v->type == 'a')
        print_json_array(w, v);
    else if (v->text)
        json_string(w, v->text);
    else if (v->type == 'b')
        json_bool(w, v->number);
    else if (v->type == 'i')
        json_i64(w, (int64_t)v->number);
    else
        json_u64(w, v->number);
}

int variant_print_dictionary(sd_bus_message *reply, const Options *o)
{
    Variant v;
    JsonWriter w;
    int r = sd_bus_message_enter_container(reply, 'a', "{sv}");
    if (r <= 0)
        return bus_malformed(r);
    json_init(&w, stdout);
    if (o->json)
        json_begin_object(&w);
    while ((r = variant_next(reply, &v)) > 0) {
        if (o->json)
            print_json(&w, &v);
        else
            print_line(&v);
    }
    if (o->json) {
        json_end_object(&w);
        putchar('\n');
    }
    return r;
}

# SPDX-License-Identifier: Apache-2.0
"""Random queries in Spark's dialect over four small tables, the same ones for the same seed.

Arithmetic stays far from overflow and divisors are never zero, because which of two rows fails first is left open by SQL;
LIMIT comes only behind an order of all columns.
"""

import random

TABLES = {
    "t1": [("id", "int"), ("a", "int"), ("b", "bigint"), ("c", "decimal(10,2)"), ("s", "string"), ("d", "date"), ("f", "boolean")],
    "t2": [("id", "int"), ("a", "int"), ("x", "double"), ("s", "string"), ("d", "date"), ("c", "decimal(12,3)")],
    "t3": [("k", "int"), ("v", "bigint"), ("s", "string")],
    "t4": [("id", "int"), ("a", "int"), ("s", "string")],
}
WORDS = ["", "a", "ab", "abc", "b", "Berth", "quay", "Anchor", "anchor line", "a longer text than twelve bytes", "zoe", "Zoë", "x_y", "100%"]


def value(r, kind):
    """A literal; NULL now and then."""
    if r.random() < 0.15:
        return f"CAST(NULL AS {kind})"
    if kind == "int":
        return str(r.randint(-5, 12))
    if kind == "bigint":
        return f"{r.randint(-3, 9) * r.choice([1, 1, 1000])}L"
    if kind.startswith("decimal"):
        scale = int(kind[:-1].split(",")[1])
        return f"CAST('{r.randint(-900, 2500) / 100:.2f}' AS {kind})" if scale else f"CAST({r.randint(-9, 25)} AS {kind})"
    if kind == "double":
        return f"{r.randint(-40, 80) / 4}D"
    if kind == "string":
        return "'" + r.choice(WORDS) + "'"
    if kind == "date":
        return f"DATE '20{r.randint(19, 24)}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}'"
    return r.choice(["true", "false"])


def views(seed=1):
    """Statements that make the tables."""
    r = random.Random(seed)
    statements = []
    for name, columns in TABLES.items():
        n = {"t1": 40, "t2": 25, "t3": 60, "t4": 1}[name]
        rows = []
        for i in range(n):
            cells = [str(i) if c == "id" else value(r, kind) for c, kind in columns]
            rows.append("(" + ", ".join(cells) + ")")
        names = ", ".join(c for c, _ in columns)
        where = " WHERE id < 0" if name == "t4" else ""
        statements.append(f"CREATE OR REPLACE TEMPORARY VIEW {name} AS SELECT * FROM VALUES {', '.join(rows)} AS v({names}){where}")
    return statements


def family(kind):
    return "decimal" if kind.startswith("decimal") else kind


class Scope:
    """Columns that an expression may use: (text, kind)."""

    def __init__(self, columns):
        self.columns = columns

    def of(self, kinds):
        return [c for c, k in self.columns if family(k) in kinds]


class Generator:
    def __init__(self, seed, features=()):
        self.r = random.Random(seed)
        self.features = set(features)

    # --- expressions ---

    def pick(self, scope, kinds, kind):
        names = scope.of(kinds)
        return self.r.choice(names) if names and self.r.random() < 0.85 else value(self.r, kind)

    def integer(self, scope, depth):
        r = self.r
        if depth <= 0:
            return self.pick(scope, {"int"}, "int")
        e = lambda: self.integer(scope, depth - 1)  # noqa: E731
        return r.choice([
            lambda: f"({e()} + {e()})", lambda: f"({e()} - {e()})", lambda: f"({e()} * {r.randint(-3, 3)})",
            lambda: f"({e()} % {r.choice([2, 3, 7, -4])})", lambda: f"abs({e()})", lambda: f"(-{e()})",
            lambda: f"coalesce({e()}, {e()})", lambda: f"nullif({e()}, {e()})", lambda: f"if({self.boolean(scope, depth - 1)}, {e()}, {e()})",
            lambda: f"CASE WHEN {self.boolean(scope, depth - 1)} THEN {e()} WHEN {self.boolean(scope, depth - 1)} THEN {e()} ELSE {e()} END",
            lambda: f"CASE {e()} WHEN {r.randint(0, 5)} THEN {e()} WHEN {r.randint(0, 5)} THEN {e()} END",
            lambda: f"length({self.string(scope, depth - 1)})", lambda: f"{r.choice(['year', 'month', 'day', 'quarter', 'dayofweek', 'dayofyear'])}({self.date(scope, depth - 1)})",
            lambda: f"greatest({e()}, {e()})", lambda: f"least({e()}, {e()}, {e()})", lambda: f"datediff({self.date(scope, depth - 1)}, {self.date(scope, depth - 1)})",
            lambda: f"instr({self.string(scope, depth - 1)}, '{r.choice(['a', 'b', 'an', ' '])}')", lambda: f"CAST({self.boolean(scope, depth - 1)} AS INT)",
            e, e,
        ])()

    def number(self, scope, depth):
        r = self.r
        kind = r.choice(["int", "bigint", "decimal", "double"])
        if kind == "int":
            return self.integer(scope, depth)
        if depth <= 0:
            return self.pick(scope, {kind}, {"bigint": "bigint", "decimal": "decimal(10,2)", "double": "double"}[kind])
        e = lambda: self.number(scope, depth - 1)  # noqa: E731
        return r.choice([
            lambda: f"({e()} + {e()})", lambda: f"({e()} - {e()})", lambda: f"({e()} * {r.randint(1, 4)})",
            lambda: f"({e()} / {r.choice(['2', '4', '8', '0.5', '-2'])})", lambda: f"coalesce({e()}, {e()})",
            lambda: f"round({self.pick(scope, {'decimal'}, 'decimal(10,2)')}, {r.randint(-1, 2)})",
            lambda: f"floor({self.pick(scope, {'decimal'}, 'decimal(10,2)')})", lambda: f"ceil({self.pick(scope, {'double'}, 'double')})",
            lambda: f"if({self.boolean(scope, depth - 1)}, {e()}, {e()})", lambda: f"CAST({self.integer(scope, depth - 1)} AS {r.choice(['BIGINT', 'DOUBLE', 'DECIMAL(12,1)'])})",
            lambda: f"(CAST({self.integer(scope, depth - 1)} AS BIGINT) div {r.choice([2, 3, -2])})", lambda: f"greatest({e()}, {e()})", e,
        ])()

    def string(self, scope, depth):
        r = self.r
        if depth <= 0:
            return self.pick(scope, {"string"}, "string")
        e = lambda: self.string(scope, depth - 1)  # noqa: E731
        return r.choice([
            lambda: f"upper({e()})", lambda: f"lower({e()})", lambda: f"concat({e()}, {e()})", lambda: f"({e()} || {e()})",
            lambda: f"substring({e()}, {r.randint(-3, 4)}, {r.randint(0, 5)})", lambda: f"trim({e()})", lambda: f"coalesce({e()}, {e()})",
            lambda: f"replace({e()}, 'a', '{r.choice(['', 'oo'])}')", lambda: f"left({e()}, {r.randint(0, 4)})", lambda: f"right({e()}, {r.randint(0, 4)})",
            lambda: f"CAST({self.integer(scope, depth - 1)} AS STRING)", lambda: f"CAST({self.date(scope, depth - 1)} AS STRING)",
            lambda: f"CASE WHEN {self.boolean(scope, depth - 1)} THEN {e()} ELSE {e()} END", lambda: f"nullif({e()}, '{r.choice(WORDS)}')",
            lambda: f"CAST({self.pick(scope, {'decimal'}, 'decimal(10,2)')} AS STRING)", e,
        ])()

    def date(self, scope, depth):
        r = self.r
        if depth <= 0:
            return self.pick(scope, {"date"}, "date")
        e = lambda: self.date(scope, depth - 1)  # noqa: E731
        return r.choice([
            lambda: f"date_add({e()}, {r.randint(-40, 40)})", lambda: f"add_months({e()}, {r.randint(-14, 14)})", lambda: f"coalesce({e()}, {e()})",
            lambda: f"({e()} + INTERVAL '{r.randint(0, 3)}' MONTH)", lambda: f"trunc({e()}, '{r.choice(['MONTH', 'YEAR', 'QUARTER'])}')",
            lambda: f"greatest({e()}, {e()})", e,
        ])()

    def boolean(self, scope, depth):
        r = self.r
        if depth <= 0:
            return self.pick(scope, {"boolean"}, "boolean") if r.random() < 0.3 else self.comparison(scope, 0)
        e = lambda: self.boolean(scope, depth - 1)  # noqa: E731
        return r.choice([
            lambda: f"({e()} AND {e()})", lambda: f"({e()} OR {e()})", lambda: f"(NOT {e()})", lambda: self.comparison(scope, depth - 1),
            lambda: self.comparison(scope, depth - 1), lambda: f"({self.number(scope, depth - 1)} IS {r.choice(['', 'NOT '])}NULL)",
            lambda: f"({self.string(scope, depth - 1)} {r.choice(['', 'NOT '])}LIKE '{r.choice(['a%', '%b%', '_b%', '%', 'Berth', '%an%or%', ''])}')",
            lambda: f"({self.integer(scope, depth - 1)} {r.choice(['', 'NOT '])}IN ({', '.join(value(r, 'int') for _ in range(r.randint(1, 4)))}))",
            lambda: f"({self.string(scope, depth - 1)} IN ({', '.join(value(r, 'string') for _ in range(r.randint(1, 3)))}))",
            lambda: f"({self.number(scope, depth - 1)} {r.choice(['', 'NOT '])}BETWEEN {self.integer(scope, 0)} AND {self.integer(scope, 0)})",
            lambda: f"(({e()}) IS {r.choice(['', 'NOT '])}{r.choice(['TRUE', 'FALSE', 'NULL'])})", lambda: f"startswith({self.string(scope, depth - 1)}, 'a')",
            lambda: f"({self.string(scope, depth - 1)} RLIKE '{r.choice(['^a', 'b+', '[A-Z]', 'an?c'])}')",
        ])()

    def comparison(self, scope, depth):
        r = self.r
        op = r.choice(["=", "<>", "<", "<=", ">", ">=", "<=>"])
        kind = r.choice([self.number, self.number, self.integer, self.string, self.date])
        return f"({kind(scope, depth)} {op} {kind(scope, depth)})"

    def expression(self, scope, depth):
        return self.r.choice([self.integer, self.number, self.string, self.date, self.boolean])(scope, depth)

    # --- relations ---

    def table(self, alias, names=("t1", "t2", "t3", "t1", "t2", "t4")):
        name = self.r.choice(names)
        return f"{name} AS {alias}", Scope([(f"{alias}.{c}", k) for c, k in TABLES[name]])

    def join_condition(self, left, right):
        r = self.r
        keys = []
        for kinds in ({"int"}, {"string"}, {"date"}):
            a, b = left.of(kinds), right.of(kinds)
            if a and b:
                keys.append(f"{r.choice(a)} {r.choice(['=', '=', '=', '<=>'])} {r.choice(b)}")
        both = Scope(left.columns + right.columns)
        parts = [r.choice(keys)]
        if r.random() < 0.3:
            parts.append(r.choice(keys))
        if r.random() < 0.35:
            parts.append(self.boolean(both, 1))
        return " AND ".join(parts) if r.random() < 0.93 else self.boolean(both, 1)

    def relation(self):
        """(FROM text, scope)."""
        r = self.r
        kind = r.random()
        text, scope = self.table("p")
        if kind < 0.35:
            return text, scope
        if kind < 0.45:
            inner = self.boolean(scope, 1)
            columns = r.sample(scope.columns, min(3, len(scope.columns)))
            listed = ", ".join(f"{c} AS q{i}" for i, (c, _) in enumerate(columns))
            return f"(SELECT {listed} FROM {text} WHERE {inner}) AS q", Scope([(f"q.q{i}", k) for i, (_, k) in enumerate(columns)])
        for alias in ["q", "w"][:1 if r.random() < 0.7 else 2]:
            other, right = self.table(alias)
            how = r.choice(["JOIN", "INNER JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN", "CROSS JOIN"])
            if how == "CROSS JOIN":
                text = f"{text} CROSS JOIN {other}"
                scope = Scope(scope.columns + right.columns)
                continue
            text = f"{text} {how} {other} ON {self.join_condition(scope, right)}"
            if "SEMI" not in how and "ANTI" not in how:
                scope = Scope(scope.columns + right.columns)
        return text, scope

    def subquery_predicate(self, scope):
        r = self.r
        text, inner = self.table("z", ("t1", "t2", "t3", "t4"))
        own = self.boolean(inner, 1)
        ints, outs = inner.of({"int"}), scope.of({"int"})
        kind = r.randint(0, 4)
        if kind == 0 or not outs:
            return f"{r.choice(['', 'NOT '])}EXISTS (SELECT 1 FROM {text} WHERE {own}" + (f" AND {r.choice(ints)} = {r.choice(outs)})" if outs else ")")
        if kind in (1, 2):
            return f"{r.choice(outs)} {r.choice(['', '', 'NOT '])}IN (SELECT {r.choice(ints)} FROM {text} WHERE {own})"
        if kind == 3:
            return f"{r.choice(outs)} {r.choice(['<', '>=', '='])} (SELECT {r.choice(['max', 'min', 'sum', 'count', 'avg'])}({r.choice(ints)}) FROM {text} WHERE {own})"
        return (f"{r.choice(outs)} {r.choice(['<', '>=', '='])} (SELECT {r.choice(['max', 'min', 'sum', 'count'])}({r.choice(ints)}) FROM {text} "
                f"WHERE {r.choice(ints)} = {r.choice(outs)})")

    def where(self, scope, chance=0.6):
        if self.r.random() > chance:
            return ""
        if self.r.random() < 0.25:
            return f" WHERE {self.subquery_predicate(scope)}" + (f" AND {self.boolean(scope, 1)}" if self.r.random() < 0.5 else "")
        return f" WHERE {self.boolean(scope, 2)}"

    def aggregate(self, scope):
        r = self.r
        distinct = r.choice(["", "", "", "DISTINCT "])
        text = r.choice([
            lambda: "count(*)", lambda: f"count({distinct}{self.expression(scope, 1)})", lambda: f"sum({distinct}{self.integer(scope, 1)})",
            lambda: f"sum({self.pick(scope, {'decimal'}, 'decimal(10,2)')})", lambda: f"avg({distinct}{self.pick(scope, {'decimal'}, 'decimal(10,2)')})",
            lambda: f"min({self.expression(scope, 1)})", lambda: f"max({self.expression(scope, 1)})", lambda: f"sum({self.pick(scope, {'bigint'}, 'bigint')})",
            lambda: f"avg({self.pick(scope, {'int'}, 'int')})", lambda: f"bool_and({self.boolean(scope, 1)})", lambda: f"bool_or({self.boolean(scope, 1)})",
            lambda: f"count_if({self.boolean(scope, 1)})",
        ])()
        if r.random() < 0.12 and "DISTINCT" not in text:
            text += f" FILTER (WHERE {self.boolean(scope, 1)})"
        return text

    # --- whole queries ---

    def plain(self):
        text, scope = self.relation()
        n = self.r.randint(1, 4)
        items = ", ".join(f"{self.expression(scope, self.r.randint(0, 2))} AS c{i}" for i in range(n))
        distinct = "DISTINCT " if self.r.random() < 0.15 else ""
        query = f"SELECT {distinct}{items} FROM {text}{self.where(scope)}"
        if self.r.random() < 0.3:
            order = ", ".join(f"c{i}{self.r.choice(['', ' DESC', ' ASC NULLS LAST', ' DESC NULLS FIRST'])}" for i in self.r.sample(range(n), n))
            query += f" ORDER BY {order}"
            if self.r.random() < 0.5:
                query += f" LIMIT {self.r.randint(0, 12)}" + (f" OFFSET {self.r.randint(0, 4)}" if self.r.random() < 0.3 else "")
            return query, True
        return query, False

    def grouped(self):
        r = self.r
        text, scope = self.relation()
        n_keys = r.randint(0, 2)
        keys = [self.expression(scope, r.randint(0, 1)) for _ in range(n_keys)]
        items = [f"{k} AS g{i}" for i, k in enumerate(keys)] + [f"{self.aggregate(scope)} AS a{i}" for i in range(r.randint(1, 3))]
        query = f"SELECT {', '.join(items)} FROM {text}{self.where(scope)}"
        if keys:
            query += " GROUP BY " + ", ".join(str(i + 1) for i in range(n_keys))
        if r.random() < 0.25:
            query += f" HAVING {r.choice([f'count(*) > {r.randint(0, 3)}', f'{self.aggregate(scope)} IS NOT NULL'])}"
        return query, False

    def set_operation(self):
        r = self.r
        arms = []
        for i in range(r.randint(2, 3)):
            text, scope = self.relation()
            arms.append(f"SELECT {self.integer(scope, 1)} AS c0, {self.string(scope, 1)} AS c1 FROM {text}{self.where(scope, 0.4)}")
        query = arms[0]
        for arm in arms[1:]:
            operators = ["UNION ALL", "UNION", "INTERSECT", "EXCEPT"]
            if "set-all" in self.features:
                operators += ["INTERSECT ALL", "EXCEPT ALL"]
            query = f"({query}) {r.choice(operators)} ({arm})"
        return query, False

    def nested(self):
        inner, _ = self.r.choice([self.plain, self.grouped])()
        body = inner.split(" ORDER BY ")[0]
        first = body.split(" AS ")
        name = None
        for part in first[1:]:
            word = part.split(",")[0].split(" ")[0]
            if word[:1] in "cga" and word[1:].isdigit():
                name = word
                break
        if not name:
            return self.plain()
        if self.r.random() < 0.5:
            return f"WITH n AS ({body}) SELECT {name}, count(*) AS k FROM n GROUP BY {name}", False
        return f"SELECT count(*) AS k, count({name}) AS l, count(DISTINCT {name}) AS m FROM ({body}) AS n", False

    def correlated(self):
        text, scope = self.table("p", ("t1", "t2"))
        return f"SELECT p.id, p.a FROM {text} WHERE {self.subquery_predicate(scope)} AND {self.boolean(scope, 1)}", False

    def window(self):
        r = self.r
        text, scope = self.relation()
        # Order by everything, so that no two rows are peers that one engine may exchange.
        total = [c for c, _ in scope.columns]
        items = []
        for i in range(r.randint(1, 3)):
            partition = "" if r.random() < 0.3 else f"PARTITION BY {self.expression(scope, r.randint(0, 1))} "
            first = r.choice(total)
            unique = r.random() < 0.7
            order = f"ORDER BY {first}{r.choice(['', ' DESC', ' NULLS LAST', ' DESC NULLS FIRST'])}"
            if unique:
                order += "".join(f", {c}" for c in total if c != first)
            edge = lambda: r.choice(["UNBOUNDED PRECEDING", f"{r.randint(0, 4)} PRECEDING", "CURRENT ROW"])  # noqa: E731
            end = lambda: r.choice(["UNBOUNDED FOLLOWING", f"{r.randint(0, 4)} FOLLOWING", "CURRENT ROW"])  # noqa: E731
            frame = ""
            if r.random() < 0.5:
                frame = f" ROWS BETWEEN {edge()} AND {end()}" if unique else f" RANGE BETWEEN UNBOUNDED PRECEDING AND {r.choice(['CURRENT ROW', 'UNBOUNDED FOLLOWING'])}"
            ints = scope.of({"int"})
            if ints and r.random() < 0.2:
                unique, order = False, f"ORDER BY {r.choice(ints)}{r.choice(['', ' DESC'])}"
                frame = f" RANGE BETWEEN {r.choice(['UNBOUNDED', str(r.randint(0, 3))])} PRECEDING AND {r.choice(['CURRENT ROW', f'{r.randint(0, 3)} FOLLOWING'])}"
            if r.random() < 0.4:
                name = r.choice(["rank()", "dense_rank()", "percent_rank()", "cume_dist()"] + (["row_number()", f"ntile({r.randint(1, 5)})"] * 2 if unique else []))
                items.append(f"{name} OVER ({partition}{order}) AS w{i}")
            elif unique and r.random() < 0.5:
                value = self.expression(scope, 1)
                if r.random() < 0.5:
                    nulls = r.choice(["", "", " IGNORE NULLS"])
                    items.append(f"{r.choice(['lag', 'lead'])}({value}, {r.randint(0, 3)}){nulls} OVER ({partition}{order}) AS w{i}")
                else:
                    name = r.choice([f"first_value({value})", f"last_value({value})", f"nth_value({value}, {r.randint(1, 3)})"])
                    items.append(f"{name}{r.choice(['', ' IGNORE NULLS'])} OVER ({partition}{order}{frame}) AS w{i}")
            else:
                function = r.choice(["count(*)", f"count({self.expression(scope, 1)})", f"sum({self.integer(scope, 1)})", f"min({self.expression(scope, 1)})",
                                     f"max({self.expression(scope, 1)})", f"avg({self.pick(scope, {'decimal'}, 'decimal(10,2)')})",
                                     f"sum({self.pick(scope, {'decimal'}, 'decimal(10,2)')})", f"avg({self.pick(scope, {'int'}, 'int')})"])
                items.append(f"{function} OVER ({partition}{order}{frame}) AS w{i}")
        keep = r.sample(total, min(2, len(total)))
        return f"SELECT {', '.join([f'{c} AS k{i}' for i, c in enumerate(keep)] + items)} FROM {text}{self.where(scope, 0.4)}", False

    def query(self):
        """(text, whether the order of its rows is given)."""
        if "window" in self.features and self.r.random() < 0.5:
            return self.window()
        return self.r.choice([self.plain, self.plain, self.plain, self.grouped, self.grouped, self.set_operation, self.nested, self.correlated])()

    def partitions(self):
        """Ternary logic: a query, and three that must give the same rows together."""
        text, scope = self.relation()
        n = self.r.randint(1, 3)
        items = ", ".join(f"{self.expression(scope, 1)} AS c{i}" for i in range(n))
        base = self.boolean(scope, 1)
        p = self.boolean(scope, 2)
        whole = f"SELECT {items} FROM {text} WHERE {base}"
        return whole, [f"{whole} AND {p}", f"{whole} AND NOT {p}", f"{whole} AND ({p}) IS NULL"]

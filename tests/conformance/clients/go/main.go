// SPDX-License-Identifier: Apache-2.0

// A day's work with spark-connect-go. usage: client URL FOLDER
// Each statement prints a line that the test reads: "passed" and "failed" are counted at the end.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/apache/spark-connect-go/spark/sql"
	"github.com/apache/spark-connect-go/spark/sql/functions"
	"github.com/apache/spark-connect-go/spark/sql/types"
	"github.com/apache/spark-connect-go/spark/sql/utils"
)

var passed, failed int

func check(what string, seen any, wanted string) {
	text := fmt.Sprint(seen)
	if text == wanted {
		passed++
		return
	}
	failed++
	fmt.Printf("FAILED  %s: %q, wanted %q\n", what, text, wanted)
}

func checkError(what string, err error, wanted string) {
	if err != nil && strings.Contains(err.Error(), wanted) {
		passed++
		return
	}
	failed++
	fmt.Printf("FAILED  %s: %v, wanted %q\n", what, err, wanted)
}

// The rows of a frame, or the error of making or running it, as one text.
func rows(ctx context.Context) func(df sql.DataFrame, err error) string {
	return func(df sql.DataFrame, err error) string {
		if err != nil {
			return err.Error()
		}
		found, err := df.Collect(ctx)
		if err != nil {
			return err.Error()
		}
		texts := []string{}
		for _, row := range found {
			texts = append(texts, fmt.Sprint(row.Values()))
		}
		return strings.Join(texts, " ")
	}
}

func main() {
	ctx := context.Background()
	url, folder := os.Args[1], os.Args[2]
	spark, err := sql.NewSessionBuilder().Remote(url).Build(ctx)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	get := rows(ctx)
	query := func(text string) string { return get(spark.Sql(ctx, text)) }

	check("select", query("select 1 as a, 'x' as b"), "[1 x]")
	check("numbers", query("select cast(1 as tinyint), cast(2 as smallint), 3L, 2.5d, float(1.5), true"), "[1 2 3 2.5 1.5 true]")
	check("null", query("select cast(null as int) as a"), "[<nil>]")
	check("no rows", query("select 1 as a where false"), "")
	check("values", query("select * from values (1,'a'),(2,'b'),(3,'a') t(n,s) order by n"), "[1 a] [2 b] [3 a]")
	check("a view of SQL", query("create or replace temp view three as select * from values (1,'a'),(2,'b'),(3,'a') t(n,s)"), "")
	check("group", query("select s, sum(n) from three group by s order by s"), "[a 4] [b 2]")
	check("join", query("select count(*) from three a join three b on a.s = b.s"), "[5]")
	check("window", query("select n, row_number() over (partition by s order by n desc) from three order by n"), "[1 2] [2 1] [3 1]")
	check("common table", query("with c as (select max(n) as m from three) select m + 1 from c"), "[4]")
	check("subquery", query("select n from three where n > (select avg(n) from three)"), "[3]")
	check("set operation", query("select s from three except select 'a'"), "[b]")

	three, err := spark.Table("three")
	check("table", get(three, err), "[1 a] [2 b] [3 a]")
	count, err := three.Count(ctx)
	check("count", fmt.Sprint(count, err), "3 <nil>")
	columns, err := three.Columns(ctx)
	check("columns", fmt.Sprint(columns, err), "[n s] <nil>")
	schema, err := three.Schema(ctx)
	if err == nil {
		check("schema", fmt.Sprint(schema.Fields[0].Name, schema.Fields[0].DataType.TypeName()), "nInteger")
	} else {
		checkError("schema", err, "none")
	}
	check("filter", get(three.Filter(ctx, functions.Col("n").Gt(functions.IntLit(1)))), "[2 b] [3 a]")
	check("filter in words", get(three.FilterByString(ctx, "s = 'b'")), "[2 b]")
	check("select", get(three.Select(ctx, functions.Col("s"), functions.Expr("n * 10 as t"))), "[a 10] [b 20] [a 30]")
	check("select in words", get(three.SelectExpr(ctx, "n + 1")), "[2] [3] [4]")
	check("sort", get(three.Sort(ctx, functions.Col("n").Desc())), "[3 a] [2 b] [1 a]")
	check("limit", get(three.Limit(ctx, 1), nil), "[1 a]")
	check("offset", get(three.Offset(ctx, 2), nil), "[3 a]")
	grouped, err := three.GroupBy(functions.Col("s")).Agg(ctx, functions.Sum(functions.Col("n")))
	if err == nil {
		check("group by", get(grouped.Sort(ctx, functions.Col("s").Asc())), "[a 4] [b 2]")
	} else {
		checkError("group by", err, "none")
	}
	check("with column", get(three.WithColumn(ctx, "d", functions.Col("n").Mul(functions.IntLit(2)))), "[1 a 2] [2 b 4] [3 a 6]")
	check("rename", get(three.WithColumnRenamed(ctx, "n", "m")), "[1 a] [2 b] [3 a]")
	check("drop", get(three.DropByName(ctx, "s")), "[1] [2] [3]")
	distinct, err := three.DropByName(ctx, "n")
	if err == nil {
		check("distinct", get(distinct.Distinct(ctx).Sort(ctx, functions.Col("s").Asc())), "[a] [b]")
	} else {
		checkError("distinct", err, "none")
	}
	check("union", get(three.Union(ctx, three).FilterByString(ctx, "n = 2")), "[2 b] [2 b]")
	check("cross join", get(three.CrossJoin(ctx, three).SelectExpr(ctx, "count(*)")), "[9]")
	right, _ := spark.Sql(ctx, "select 'a' as s, 1.5d as w")
	check("join", get(three.Join(ctx, right, functions.Expr("w > n"), utils.JoinTypeInner)), "[1 a a 1.5]")
	first, err := three.First(ctx)
	if err == nil {
		check("first", first.Values(), "[1 a]")
	} else {
		checkError("first", err, "none")
	}
	tail, err := three.Tail(ctx, 1)
	if err == nil && len(tail) == 1 {
		check("tail", tail[0].Values(), "[3 a]")
	} else {
		checkError("tail", err, "none")
	}
	empty, err := three.IsEmpty(ctx)
	check("is empty", fmt.Sprint(empty, err), "false <nil>")
	plan, err := three.Explain(ctx, utils.ExplainModeSimple)
	check("explain", fmt.Sprint(len(plan) > 0, err), "true <nil>")
	correlation, err := three.Corr(ctx, "n", "n")
	check("correlation", fmt.Sprint(correlation, err), "1 <nil>")
	check("cross table", get(three.CrossTab(ctx, "s", "n").Sort(ctx, functions.Col("s_n").Asc())), "[a 1 0 1] [b 0 1 0]")
	check("fill", get(spark.Sql(ctx, "select nullif(n, 2) as n from three")), "[1] [<nil>] [3]")

	local, err := spark.CreateDataFrame(ctx, [][]any{{1, "p"}, {2, "q"}},
		types.StructOf(types.NewStructField("i", types.INTEGER), types.NewStructField("t", types.STRING)))
	check("create a frame", get(local, err), "[1 p] [2 q]")
	check("a view of a frame", local.CreateTempView(ctx, "made", true, false), "<nil>")
	check("reading it", query("select t from made where i = 2"), "[q]")

	check("write parquet", three.Writer().Mode("overwrite").Format("parquet").Save(ctx, folder+"/go.parquet"), "<nil>")
	check("read parquet", get(spark.Read().Format("parquet").Load(folder+"/go.parquet")), "[1 a] [2 b] [3 a]")
	check("show", three.Show(ctx, 2, false), "<nil>")

	check("set", spark.Config().Set(ctx, "spark.sql.session.timeZone", "Europe/Berlin"), "<nil>")
	zone, err := spark.Config().Get(ctx, "spark.sql.session.timeZone")
	check("get", fmt.Sprint(zone, err), "Europe/Berlin<nil>")
	check("zone", query("select string(timestamp_seconds(0))"), "[1970-01-01 01:00:00]")
	missing, err := spark.Config().GetWithDefault(ctx, "no.such.key", "other")
	check("default", fmt.Sprint(missing, err), "other<nil>")

	_, err = spark.Sql(ctx, "selec 1")
	checkError("no SQL", err, "PARSE_SYNTAX_ERROR")
	bad, err := spark.Sql(ctx, "select * from nowhere")
	if err == nil {
		_, err = bad.Collect(ctx)
	}
	checkError("a missing table", err, "TABLE_OR_VIEW_NOT_FOUND")
	bad, _ = spark.Sql(ctx, "select 1 / 0")
	_, err = bad.Collect(ctx)
	checkError("division", err, "DIVIDE_BY_ZERO")
	check("after errors", query("select 1"), "[1]")
	check("stop", spark.Stop(), "<nil>")

	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 || passed < 30 {
		os.Exit(1)
	}
}

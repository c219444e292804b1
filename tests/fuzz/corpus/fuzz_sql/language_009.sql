FROM t |> SET nope = 1

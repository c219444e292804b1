CREATE TEMP VIEW t AS SELECT * FROM VALUES
  (1, 'a', 10, 1.50, CAST(1.5 AS DOUBLE)),
  (2, 'a', 20, 2.50, 2.5),
  (3, 'b', NULL, 3.50, 3.5),
  (4, 'b', 40, NULL, NULL),
  (5, NULL, 50, 5.50, 5.5) AS t(id, g, x, d, f)
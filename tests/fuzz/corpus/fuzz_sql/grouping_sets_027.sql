SELECT 1 FROM t HAVING count(*) > 5

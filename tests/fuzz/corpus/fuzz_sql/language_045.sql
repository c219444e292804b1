SELECT count(*) FROM range(10) a RIGHT JOIN range(5) b ON a.id > b.id + 6

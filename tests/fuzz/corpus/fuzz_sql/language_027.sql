SELECT /*+ BROADCAST(t) */ a FROM t /* c1 /* nested */ */ ORDER BY a LIMIT 1 -- end

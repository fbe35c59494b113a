-- What the metrics are by hand: for each the statement that somebody who knows the tables well would write, over a range, by persona and week.
-- Each begins with its name; {start}, {end} and {segmentation} are filled in. The first four columns are week, persona, n and
-- numerator, by which the benchmark sees that both did the same work.

-- METRIC INTERACTIONS
SELECT (i.occurred_at - {start}) / 604800000000 AS week, a.persona, COUNT(*) AS n, COUNT(*) AS numerator
FROM interaction i LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}'
WHERE i.occurred_at >= {start} AND i.occurred_at < {end} GROUP BY 1, 2;

-- METRIC ACTIVE_CUSTOMERS
SELECT week, a.persona, COUNT(*) AS n, COUNT(*) AS numerator
FROM (SELECT DISTINCT customer_id, (occurred_at - {start}) / 604800000000 AS week FROM interaction
      WHERE occurred_at >= {start} AND occurred_at < {end}
        AND NOT (kind = 13 OR kind = 1 AND action IN (1, 6) OR kind = 4 AND action = 2 OR kind = 3 AND action IN (2, 3)
                 OR kind IN (10, 11) AND action = 2)) i
LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}' GROUP BY 1, 2;

-- METRIC NPS_RELATIONAL
SELECT week, a.persona, COUNT(*) AS n,
       COUNT(*) FILTER (WHERE score >= 9) - COUNT(*) FILTER (WHERE score <= 6) AS numerator
FROM (SELECT DISTINCT ON (customer_id, week) customer_id, week, score
      FROM (SELECT customer_id, (occurred_at - {start}) / 604800000000 AS week, score, occurred_at, interaction_id FROM interaction
            WHERE kind = 4 AND action = 1 AND variant = 1 AND occurred_at >= {start} AND occurred_at < {end}) s
      ORDER BY customer_id, week, occurred_at DESC, interaction_id DESC) i
LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}' GROUP BY 1, 2;

-- METRIC CSAT_TOP_2_BOX
SELECT (i.occurred_at - {start}) / 604800000000 AS week, a.persona, COUNT(*) AS n,
       COUNT(*) FILTER (WHERE i.score >= i.score_max - 1) AS numerator
FROM interaction i LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}'
WHERE i.kind = 4 AND i.action = 1 AND i.variant = 3 AND i.score_min = 1 AND i.score_max IN (5, 10)
  AND i.occurred_at >= {start} AND i.occurred_at < {end} GROUP BY 1, 2;

-- METRIC SURVEY_RESPONSE_RATE
SELECT (i.occurred_at - {start}) / 604800000000 AS week, a.persona, COUNT(*) AS n, COUNT(*) FILTER (WHERE i.next = 1) AS numerator
FROM (SELECT customer_id, occurred_at, action,
             LEAD(action) OVER (PARTITION BY customer_id, variant, subject ORDER BY occurred_at, action DESC, interaction_id) AS next
      FROM interaction WHERE kind = 4 AND action IN (1, 2) AND occurred_at < {end}) i
LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}'
WHERE i.action = 2 AND i.occurred_at >= {start} GROUP BY 1, 2;

-- METRIC FIRST_RESPONSE_TIME
SELECT (i.opened - {start}) / 604800000000 AS week, a.persona, COUNT(i.ended) AS n, SUM(i.ended - i.opened) / 1e6 AS numerator,
       percentile_cont(ARRAY[0.5, 0.9, 0.95]) WITHIN GROUP (ORDER BY i.ended - i.opened) AS quantiles
FROM (SELECT customer_id, MIN(occurred_at) FILTER (WHERE action = 1) AS opened,
             MIN(occurred_at) FILTER (WHERE action = 2 AND variant IS DISTINCT FROM 2) AS ended
      FROM interaction WHERE kind = 3 AND occurred_at < {end} GROUP BY customer_id, subject) i
LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}'
WHERE i.opened >= {start} GROUP BY 1, 2;

-- METRIC FULL_RESOLUTION_TIME
SELECT (i.opened - {start}) / 604800000000 AS week, a.persona, COUNT(i.ended) AS n, SUM(i.ended - i.opened) / 1e6 AS numerator,
       percentile_cont(ARRAY[0.5, 0.9, 0.95]) WITHIN GROUP (ORDER BY i.ended - i.opened) AS quantiles
FROM (SELECT customer_id, opened, CASE WHEN reopened > ended THEN NULL ELSE ended END AS ended
      FROM (SELECT customer_id, MIN(occurred_at) FILTER (WHERE action = 1) AS opened,
                   MAX(occurred_at) FILTER (WHERE action = 3) AS ended, MAX(occurred_at) FILTER (WHERE action = 4) AS reopened
            FROM interaction WHERE kind = 3 AND occurred_at < {end} GROUP BY customer_id, subject) c) i
LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}'
WHERE i.opened >= {start} GROUP BY 1, 2;

-- METRIC CYCLE_RESOLUTION_TIME
SELECT (i.occurred_at - {start}) / 604800000000 AS week, a.persona, COUNT(i.solved) AS n, SUM(i.solved - i.occurred_at) / 1e6 AS numerator,
       percentile_cont(ARRAY[0.5, 0.9, 0.95]) WITHIN GROUP (ORDER BY i.solved - i.occurred_at) AS quantiles
FROM (SELECT customer_id, action, occurred_at, LAG(action) OVER w AS previous,
             MIN(occurred_at) FILTER (WHERE action = 3) OVER (PARTITION BY customer_id, subject
               ORDER BY occurred_at, action, interaction_id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS solved
      FROM interaction WHERE kind = 3 AND action IN (1, 3, 4) AND occurred_at < {end}
      WINDOW w AS (PARTITION BY customer_id, subject ORDER BY occurred_at, action, interaction_id)) i
LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}'
WHERE i.action <> 3 AND (i.previous IS NULL OR i.previous = 3) AND i.occurred_at >= {start} GROUP BY 1, 2;

-- METRIC QUEUE_WAIT
SELECT (i.occurred_at - {start}) / 604800000000 AS week, a.persona, COUNT(*) AS n, SUM(i.wait) / 1e6 AS numerator,
       percentile_cont(ARRAY[0.5, 0.9, 0.95]) WITHIN GROUP (ORDER BY i.wait) AS quantiles
FROM interaction i LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}'
WHERE i.kind = 2 AND i.flag IS DISTINCT FROM 1 AND i.wait IS NOT NULL
  AND i.occurred_at >= {start} AND i.occurred_at < {end} GROUP BY 1, 2;

-- METRIC ABANDONMENT_RATE
SELECT (i.occurred_at - {start}) / 604800000000 AS week, a.persona, COUNT(*) AS n, COUNT(*) FILTER (WHERE i.flag = 1) AS numerator
FROM interaction i LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}'
WHERE i.kind = 2 AND (i.flag = 1 OR i.wait IS NOT NULL) AND i.occurred_at >= {start} AND i.occurred_at < {end} GROUP BY 1, 2;

-- METRIC FIRST_CONTACT_RESOLUTION
SELECT (i.occurred_at - {start}) / 604800000000 AS week, a.persona, COUNT(*) AS n,
       COUNT(*) FILTER (WHERE i.next IS NULL OR i.next - i.occurred_at > 604800000000) AS numerator
FROM (SELECT customer_id, occurred_at, flag, topic,
             LEAD(occurred_at) OVER (PARTITION BY customer_id, topic ORDER BY occurred_at, interaction_id) AS next
      FROM interaction WHERE kind = 2 AND occurred_at >= {start} AND occurred_at < {end} + 604800000000) i
LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}'
WHERE i.occurred_at < {end} AND i.flag IS DISTINCT FROM 1 AND i.topic IS NOT NULL GROUP BY 1, 2;

-- METRIC CHURN_RATE
SELECT week, a.persona, COUNT(*) AS n, COUNT(*) FILTER (WHERE i.next IS NULL OR i.next >= {start} + week * 604800000000 + 7776000000000) AS numerator
FROM (SELECT customer_id, occurred_at, LEAD(occurred_at) OVER (PARTITION BY customer_id ORDER BY occurred_at) AS next
      FROM interaction WHERE kind = 6 AND occurred_at >= {start} - 15552000000000 AND occurred_at < {end} + 7776000000000) i
CROSS JOIN LATERAL generate_series(GREATEST((i.occurred_at - {start}) / 604800000000 + (i.occurred_at >= {start})::int, 0),
                                   -- Whole weeks downwards, also before the start.
                                   LEAST((LEAST(COALESCE(i.next, {end}), i.occurred_at + 15552000000000) - {start} + 60480000000000) / 604800000000 - 100,
                                         ({end} - {start} - 1) / 604800000000)) AS week
LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}' GROUP BY 1, 2;

-- METRIC REVENUE
SELECT (i.occurred_at - {start}) / 604800000000 AS week, a.persona, COUNT(*) AS n, SUM(i.amount) AS numerator, i.currency
FROM interaction i LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}'
WHERE i.kind = 6 AND i.occurred_at >= {start} AND i.occurred_at < {end} GROUP BY 1, 2, 5;

-- METRIC AVERAGE_ORDER_VALUE
-- With what the interval of a mean rests on where one customer has several orders: squares of each customer's sum.
SELECT week, persona, SUM(orders) AS n, SUM(total) AS numerator, currency, SUM(total::numeric * total), SUM(total * orders), SUM(orders * orders)
FROM (SELECT (i.occurred_at - {start}) / 604800000000 AS week, a.persona, i.currency, COUNT(i.amount) AS orders, SUM(i.amount)::bigint AS total
      FROM interaction i LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}'
      WHERE i.kind = 6 AND i.occurred_at >= {start} AND i.occurred_at < {end} GROUP BY 1, 2, 3, i.customer_id) c GROUP BY 1, 2, 5;

-- METRIC COMPLAINTS_PER_100_CUSTOMERS
SELECT week, a.persona, COUNT(*) AS n, SUM(raised) AS numerator
FROM (SELECT customer_id, (occurred_at - {start}) / 604800000000 AS week, COUNT(*) FILTER (WHERE kind = 10 AND action = 1) AS raised
      FROM interaction
      WHERE occurred_at >= {start} AND occurred_at < {end}
        AND NOT (kind = 13 OR kind = 1 AND action IN (1, 6) OR kind = 4 AND action = 2 OR kind = 3 AND action IN (2, 3)
                 OR kind IN (10, 11) AND action = 2) GROUP BY 1, 2) i
LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}' GROUP BY 1, 2;

-- METRIC REPEAT_PURCHASE_RATE
SELECT week, a.persona, COUNT(*) AS n, COUNT(*) FILTER (WHERE orders > 1) AS numerator
FROM (SELECT i.customer_id, (i.occurred_at - {start}) / 604800000000 AS week, COUNT(*) AS orders
      FROM interaction i
      WHERE i.kind = 6 AND i.occurred_at >= {start} AND i.occurred_at < {end}
        AND NOT EXISTS (SELECT 1 FROM interaction r WHERE r.kind = 7 AND r.customer_id = i.customer_id AND r.subject = i.subject
                        AND r.occurred_at < {end} + 2592000000000 AND (r.action = 2 OR r.flag = 1 OR r.amount >= i.amount)) GROUP BY 1, 2) i
LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}' GROUP BY 1, 2;

-- METRIC RETURN_RATE
SELECT (i.occurred_at - {start}) / 604800000000 AS week, a.persona, COUNT(*) AS n, COUNT(*) FILTER (WHERE r.returned) AS numerator
FROM interaction i
LEFT JOIN (SELECT customer_id, subject, bool_or(action = 1) AS returned, bool_or(action = 2) AS cancelled FROM interaction
           WHERE kind = 7 AND occurred_at < {end} + 2592000000000 GROUP BY 1, 2) r ON r.customer_id = i.customer_id AND r.subject = i.subject
LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}'
WHERE i.kind = 6 AND i.occurred_at >= {start} AND i.occurred_at < {end} AND r.cancelled IS NOT TRUE GROUP BY 1, 2;

-- METRIC RETENTION_RATE
SELECT week, active, a.persona, COUNT(*)
FROM (SELECT customer_id, (MIN(occurred_at) - {start}) / 604800000000 AS week FROM interaction
      WHERE kind = 6 AND occurred_at < {end} GROUP BY 1 HAVING MIN(occurred_at) >= {start}) f
JOIN (SELECT DISTINCT customer_id, (occurred_at - {start}) / 604800000000 AS active FROM interaction
      WHERE kind = 6 AND occurred_at >= {start} AND occurred_at < {end}) i USING (customer_id)
LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}' GROUP BY 1, 2, 3;

-- METRIC INTERACTION_SHARE
SELECT week, persona, n AS n, n / SUM(n) OVER (PARTITION BY week) AS numerator
FROM (SELECT (i.occurred_at - {start}) / 604800000000 AS week, a.persona, COUNT(*) AS n
      FROM interaction i LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = '{segmentation}'
      WHERE i.occurred_at >= {start} AND i.occurred_at < {end} GROUP BY 1, 2) g;

-- The pages of the searches that were answered by a moment, of some stocks and days; a search that found none has one row.
SELECT s.ts_code, s.answered_at, p.sha256, p.url, p.title, p.snippet, p.summary, p.published_at
FROM research_search s
LEFT JOIN LATERAL unnest(s.pages) WITH ORDINALITY AS told (sha256, place) ON true
LEFT JOIN research_page p ON p.sha256 = told.sha256
WHERE s.outcome = 'answered' AND s.ts_code = ANY (:codes) AND s.day BETWEEN :first AND :last AND s.answered_at <= :known_by
ORDER BY s.ts_code, s.answered_at, s.id, told.place

-- report.lua: prints one line of JSON at the end of a wrk run, for bench.py and other scripts:
--   wrk -c 64 -d 10 -s loadtest/wrk/report.lua http://127.0.0.1:8080/
-- wrk is a closed loop: while the proxy stalls wrk sends nothing, so its high percentiles look too good. For latencies
-- use `gen rate` (loadtest/README.md).
function done(summary, latency)
	local e = summary.errors
	io.write(string.format('{"unit":"requests","units":%d,"seconds":%.6f,"errors":%d,"latency":{"min":%.1f,"mean":%.1f,"max":%.1f,"curve":[',
		summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
		latency.min, latency.mean, latency.max))
	local comma = ""
	for tenth = 0, 40 do
		local q = 1 - 10 ^ (-tenth / 10)
		if 10 ^ (tenth / 10) <= summary.requests then
			io.write(string.format("%s[%.7f,%.1f]", comma, q, latency:percentile(math.max(q * 100, 0.001))))
			comma = ","
		end
	end
	io.write("]}}\n")
end

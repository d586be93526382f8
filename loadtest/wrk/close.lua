-- close.lua: opens a connection for each request; the server closes it after its answer. Reports as report.lua does:
--   wrk -c 16 -d 10 -s loadtest/wrk/close.lua http://127.0.0.1:8080/
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
dofile(here .. "report.lua")

wrk.headers["Connection"] = "close"

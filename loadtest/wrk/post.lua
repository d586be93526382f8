-- post.lua: sends a body with each request; the word after `--` is its size (default 1024). Reports as report.lua does:
--   wrk -c 64 -d 10 -s loadtest/wrk/post.lua http://127.0.0.1:8080/ -- 16384
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
dofile(here .. "report.lua")

function init(args)
	wrk.method = "POST"
	wrk.headers["Content-Type"] = "application/octet-stream"
	wrk.body = string.rep("x", tonumber(args[1]) or 1024)
end

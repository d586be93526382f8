-- mixed.lua: sends nine small requests, then one with a body of 64 KiB, and so on: does the large one delay the small
-- ones? Reports as report.lua does:
--   wrk -c 64 -d 10 -s loadtest/wrk/mixed.lua http://127.0.0.1:8080/
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
dofile(here .. "report.lua")

local small, large
local sent = 0

function init()
	small = wrk.format("GET", "/small")
	large = wrk.format("POST", "/large", nil, string.rep("x", 65536))
end

function request()
	sent = sent + 1
	if sent % 10 == 0 then
		return large
	end
	return small
end

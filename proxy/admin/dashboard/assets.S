/* assets: the files of the dashboard within the program. The build makes FILE.gz and FILE.etag of each. */
	.macro asset symbol, file
	.balign 8
	.global asset_\symbol, asset_\symbol\()_end, asset_\symbol\()_etag
asset_\symbol:
	.incbin "\file\().gz"
asset_\symbol\()_end:
asset_\symbol\()_etag:
	.incbin "\file\().etag"
	.byte 0
	.endm

	.section .rodata
	asset page, "index.html"
	asset style, "dashboard.css"
	asset script, "dashboard.js"
	asset parts, "parts.js"
	asset charts, "charts.js"
	asset chart, "chart.js"
	asset icon, "icon.svg"

	.section .note.GNU-stack, "", %progbits

"""Texts that would do harm in a page, were they not shown as text."""

HOSTILE = (
    *("</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)", '" onload="x'),
    *("</style><style>*{display:none}", "\u202egpj.exe", "]]><!--", "&lt;b&gt;", "a\x00b", "url(http://x/)"),
    *("<![CDATA[", "x" * 1_000_000, "<" * 1_000_000, "\u202e" * 1_000_000, "\n" * 5000),
)

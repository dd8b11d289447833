"""The small web that `shardmill demo` pulls from: photographs, drawn scenes, and what goes wrong on the real one."""

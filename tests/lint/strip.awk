# Blanks comments and what stands between quotes, so that lints see code only; lines keep their
# numbers. Output: FILE:LINE:CODE. A string or character does not cross lines.
FNR == 1 { comment = 0 }
{
    out = ""
    n = length($0)
    for (i = 1; i <= n; i++) {
        two = substr($0, i, 2)
        c = substr($0, i, 1)
        if (comment) {
            if (two == "*/") { comment = 0; i++ }
            out = out " "
        } else if (two == "/*") {
            comment = 1; i++
        } else if (two == "//") {
            break
        } else if (c == "\"" || c == "'") {
            for (i++; i <= n && substr($0, i, 1) != c; i++)
                if (substr($0, i, 1) == "\\") i++
            out = out c c
        } else {
            out = out c
        }
    }
    if (out ~ /[^ \t]/) printf "%s:%d:%s\n", FILENAME, FNR, out
}

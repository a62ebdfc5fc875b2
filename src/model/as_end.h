/* Takes back what as_members.h or as_fields.h defined. */
#undef TEXT
#undef LINES
#undef HOST
#undef URL
#undef PATH
#undef EMAIL
#undef ENUM
#undef ID
#undef INT
#undef BOOL
#undef TIME
#undef BYTES
#undef LIST
#undef CHOICES
#undef IDS
#undef SECRET
#ifdef ENTRY
#undef ENTRY
#undef R
#undef RO
#undef COL
#undef SHOW
#undef IDX
#undef UNIQ
#undef HIDE
#undef ADV
#endif

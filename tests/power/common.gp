# What all plots share: a white page, readable in light and dark surroundings.
set terminal svg size 860,height font 'sans-serif,14' background 'white' \
    rounded dashlength 1.5
set output picture
set border 3 lc rgb '#444444'
set tics nomirror out
set grid lc rgb '#e2e2e2' lt 1
set key opaque samplen 2 spacing 1.1
red = 0xb2182b
blue = 0x2166ac
grey = 0x666666

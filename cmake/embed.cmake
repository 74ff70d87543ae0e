# cmake -DINPUT=file -DOUTPUT=file.inc -P embed.cmake: the text of a file as one C++ raw string literal.
file(READ ${INPUT} text)
file(WRITE ${OUTPUT} "R\"embedded(${text})embedded\"\n")

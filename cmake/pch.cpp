// Carries the precompiled header (pch.h) that the compiler folders share.

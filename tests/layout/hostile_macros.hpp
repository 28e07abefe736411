// What X11's, Windows' and older headers define, in the worst form each of them uses. A header that
// is included after these still has to compile. System headers come before them, as in a real
// program that works at all.
#define Status int
#define None 0L
#define Bool int
#define True 1
#define False 0
#define Success 0
#define Always 2
#define Never 3
#define Above 0
#define Below 1
#define Complex 0
#define Convex 2
#define Unsorted 0
#define CurrentTime 0L
#define CursorShape 0
#define DestroyAll 0
#define Expose 12
#define FocusIn 9
#define FocusOut 10
#define GrayScale 1
#define KeyPress 2
#define Nonconvex 1
#define ERROR 0
#define NO_ERROR 0L
#undef DELETE  // glibc has one too
#define DELETE (0x00010000L)
#define CONST const
#define VOID void
#define IN
#define OUT
#define OPTIONAL
#define THIS
#define PURE = 0
#define TRUE 1
#define FALSE 0
#define BOOL int
#define STRICT 1
#define IGNORE 0
#define INFINITE 0xFFFFFFFF
#define TRANSPARENT 1
#define ABSOLUTE 1
#define RELATIVE 2
#define interface struct
#define small char
#define near
#define far
#define pascal
#define cdecl
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define GetObject GetObjectA
#define GetMessage GetMessageA
#define SendMessage SendMessageA
#define CreateEvent CreateEventA
#define GetCurrentTime() GetTickCount()
#define major(device) ((device) >> 8)
#define minor(device) ((device)&0xff)
#define linux 1
#define unix 1
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

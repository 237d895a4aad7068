package transport

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"
)

// A full ring has no slot until one is released; what was published comes in
// order, again and again.
func TestRingFull(t *testing.T) {
	r := newRing(4)
	next, want := 0, 0
	for range 5 {
		for r.free() != nil {
			r.free().size = next
			next++
			r.publish()
		}
		if got := r.ready(); got != 4 {
			t.Fatalf("%d slots ready, want 4", got)
		}
		for i := range 3 {
			if got := r.slot(i).size; got != want+i {
				t.Fatalf("slot %d is %d, want %d", i, got, want+i)
			}
		}
		r.release(3)
		want += 3
	}
	if next != 4+4*3 {
		t.Errorf("%d slots were free, want 16", next)
	}
}

// A closed ring takes nothing more and keeps what it has.
func TestRingClosed(t *testing.T) {
	r := newRing(4)
	r.free()
	if !r.publish() {
		t.Fatal("an open ring refuses")
	}
	r.close()
	if r.free() == nil || r.publish() {
		t.Error("a closed ring takes")
	}
	if r.ready() != 1 {
		t.Errorf("%d slots ready, want 1", r.ready())
	}
	r.release(1)
	if r.ready() != 0 {
		t.Errorf("%d slots ready, want none", r.ready())
	}
}

// A producer and a consumer that sleeps whenever there is nothing to do lose
// nothing and wake every time.
func TestRingConcurrently(t *testing.T) {
	const total = 100_000
	r := newRing(8)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var producing sync.WaitGroup
	producing.Go(func() {
		for i := 0; i < total && ctx.Err() == nil; {
			s := r.free()
			if s == nil || i%1000 == 0 {
				runtime.Gosched() // the consumer gets to sleep
			}
			if s == nil {
				continue
			}
			s.size = i
			r.publish()
			i++
		}
	})
	for want := 0; want < total; {
		if r.ready() == 0 {
			r.wait(ctx)
			if ctx.Err() != nil {
				t.Errorf("asleep at %d", want)
				break
			}
			continue
		}
		if got := r.slot(0).size; got != want {
			t.Errorf("slot %d came where %d was due", got, want)
			break
		}
		r.release(1)
		want++
	}
	cancel()
	producing.Wait()
}

// Every slot that was published before the ring closed is there, none after it.
func TestRingCloseConcurrently(t *testing.T) {
	for range 200 {
		r := newRing(1 << 12)
		published := make(chan int)
		go func() {
			n := 0
			for r.free() != nil && r.publish() {
				n++
			}
			published <- n
		}()
		for r.ready() < 10 {
			runtime.Gosched()
		}
		r.close()
		if ready, n := r.ready(), <-published; ready != n {
			t.Fatalf("%d slots ready, %d published", ready, n)
		}
	}
}

// A consumer that waits ends with its context, and is woken neither too often nor
// too seldom afterwards.
func TestRingWaitEnds(t *testing.T) {
	r := newRing(4)
	for range 1000 {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			r.free()
			r.publish()
		}()
		go cancel()
		r.wait(ctx)
		<-ctx.Done()
		for r.ready() == 0 {
			r.wait(t.Context())
		}
		r.release(1)
	}
}

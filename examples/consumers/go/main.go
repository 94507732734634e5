// Prints every public event once. KAFKA names the broker, GROUP the consumer group.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventsv1 "example/consumer/gen/vai/events/v1"
	optionsv1 "example/consumer/gen/vai/options/v1"
)

// event is what all events have in common.
type event interface {
	proto.Message
	GetId() string
	GetOccurredAt() *timestamppb.Timestamp
}

// types maps each topic to the message on it, as the messages' own option says.
func types() (map[string]protoreflect.MessageType, error) {
	found := map[string]protoreflect.MessageType{}
	messages := eventsv1.File_vai_events_v1_events_proto.Messages()
	for i := range messages.Len() {
		message := messages.Get(i)
		published, _ := proto.GetExtension(message.Options(), optionsv1.E_Published).(*optionsv1.Publication)
		if published.GetTopic() == "" {
			continue
		}
		kind, err := protoregistry.GlobalTypes.FindMessageByName(message.FullName())
		if err != nil {
			return nil, err
		}
		found[published.GetTopic()] = kind
	}
	return found, nil
}

// seen holds the ids of the last events. A consumer with a database keeps them there, in the transaction of its work.
type seen struct {
	ids  map[string]bool
	ring []string
	next int
}

func newSeen(size int) *seen {
	return &seen{ids: make(map[string]bool, size), ring: make([]string, size)}
}

func (s *seen) isNew(id string) bool {
	if s.ids[id] {
		return false
	}
	delete(s.ids, s.ring[s.next])
	s.ids[id], s.ring[s.next] = true, id
	s.next = (s.next + 1) % len(s.ring)
	return true
}

func decode(kinds map[string]protoreflect.MessageType, record *kgo.Record) (event, error) {
	kind, ok := kinds[record.Topic]
	if !ok {
		return nil, fmt.Errorf("no message is known for %s", record.Topic)
	}
	message, ok := kind.New().Interface().(event)
	if !ok {
		return nil, fmt.Errorf("%s is no event", kind.Descriptor().FullName())
	}
	return message, proto.Unmarshal(record.Value, message)
}

func line(topic string, e event) string {
	what, failure := "", ""
	switch e := e.(type) {
	case interface{ GetData() *eventsv1.ActionData }:
		what = word(e.GetData().GetActionKind(), "ACTION_KIND_") + " " + word(e.GetData().GetStatus(), "RUN_STATUS_")
		failure = e.GetData().GetError().GetMessage()
	case interface{ GetData() *eventsv1.AutomationData }:
		what = e.GetData().GetSlug() + " " + word(e.GetData().GetStatus(), "AUTOMATION_RUN_STATUS_")
		failure = e.GetData().GetError().GetMessage()
	case *eventsv1.ConnectionDataAvailable:
		what = strings.Join(append([]string{e.GetData().GetSource()}, e.GetData().GetTables()...), " ")
	case *eventsv1.ConnectionError:
		what, failure = e.GetData().GetSource(), e.GetData().GetError().GetMessage()
	}
	if failure != "" {
		what += ": " + failure
	}
	return fmt.Sprintf("%s %s %s %s", e.GetOccurredAt().AsTime().Format(time.RFC3339Nano), topic, e.GetId(), what)
}

func word(value fmt.Stringer, prefix string) string {
	return strings.ToLower(strings.TrimPrefix(value.String(), prefix))
}

func consume(ctx context.Context) error {
	kinds, err := types()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(cmp.Or(os.Getenv("KAFKA"), "127.0.0.1:19092"), ",")...),
		kgo.ConsumerGroup(cmp.Or(os.Getenv("GROUP"), "example-go")),
		kgo.ConsumeTopics(slices.Collect(maps.Keys(kinds))...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		// The embedded broker hangs up on a newer handshake; every later Kafka takes this one.
		kgo.MaxVersions(kversion.V3_8_0()),
	)
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()
	seen := newSeen(100_000)
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		fetches.EachError(func(topic string, partition int32, err error) {
			log.Printf("%s[%d]: %v", topic, partition, err)
		})
		fetches.EachRecord(func(record *kgo.Record) {
			if e, err := decode(kinds, record); err != nil {
				log.Printf("%s[%d] at %d is left out: %v", record.Topic, record.Partition, record.Offset, err)
			} else if seen.isNew(e.GetId()) {
				fmt.Println(line(record.Topic, e))
			}
		})
		if err := client.CommitUncommittedOffsets(ctx); err != nil && !errors.Is(err, context.Canceled) {
			log.Printf("what was read will come again: %v", err)
		}
		client.AllowRebalance()
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := consume(ctx); err != nil {
		log.Fatal(err)
	}
}
